// Numbers too small for the exponent, as moments that fade step by step for a unit that has died become: many
// processors take a hundred times as long for each of them.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace deltarule {

// While it lives, they are zero to its thread
class DenormalsAreZero {
public:
    DenormalsAreZero() : before_(control()) { set(before_ | ZERO); }
    ~DenormalsAreZero() { set(before_); }
    DenormalsAreZero(const DenormalsAreZero&) = delete;
    DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

private:
#if defined(__x86_64__)
    static constexpr std::uint64_t ZERO = 0x8040;  // of results, and of operands
    static std::uint64_t control() { return _mm_getcsr(); }
    static void set(std::uint64_t word) { _mm_setcsr(unsigned(word)); }
#elif defined(__aarch64__)
    static constexpr std::uint64_t ZERO = 1 << 24;
    static std::uint64_t control() {
        std::uint64_t word;
        asm volatile("mrs %0, fpcr" : "=r"(word));
        return word;
    }
    static void set(std::uint64_t word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
    static constexpr std::uint64_t ZERO = 0;
    static std::uint64_t control() { return 0; }
    static void set(std::uint64_t) {}
#endif
    const std::uint64_t before_;
};

}  // namespace deltarule
