// Numbers too small for the exponent, as moments that fade step by step for a unit that has died become: many
// processors take a hundred times as long for each of them.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace deltarule {

enum class Denormals { kept, zero };

// While it lives, what its thread computes and is so small is kept as it is, or zero
class WithDenormals {
public:
    explicit WithDenormals(Denormals wanted) : before_(control()) {
        set(wanted == Denormals::zero ? before_ | ZERO : before_ & ~ZERO);
    }
    ~WithDenormals() { set(before_); }
    WithDenormals(const WithDenormals&) = delete;
    WithDenormals& operator=(const WithDenormals&) = delete;

private:
#if defined(__x86_64__)
    static constexpr std::uint64_t ZERO = 0x8000;  // results; what a user gives may be so small
    static std::uint64_t control() { return _mm_getcsr(); }
    static void set(std::uint64_t word) { _mm_setcsr(unsigned(word)); }
#elif defined(__aarch64__)
    static constexpr std::uint64_t ZERO = 1 << 24;  // operands as well
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
