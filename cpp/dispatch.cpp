#include "dispatch.hpp"

#include <stdexcept>
#include <string>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace deltarule {

#if defined(__x86_64__)
namespace v2 {
extern const Target TARGET;
}
namespace v3 {
extern const Target TARGET;
}
namespace v4 {
extern const Target TARGET;
}
namespace amx {
extern const Target TARGET;
}

namespace {

// Tiles of bfloat16 are in the processor, and the system keeps them for a process that has asked for it
bool has_tiles() {
#if defined(__linux__)
    constexpr unsigned TILES = 1 << 24, TILES_OF_BF16 = 1 << 22;
    constexpr long ASK_FOR = 0x1023, TILE_DATA = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & TILES && d & TILES_OF_BF16 &&
           syscall(SYS_arch_prctl, ASK_FOR, TILE_DATA) == 0;
#else
    return false;
#endif
}

}  // namespace

std::vector<const Target*> targets() {
    std::vector<const Target*> all;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        static const bool tiles = has_tiles();
        if (tiles)
            all.push_back(&amx::TARGET);
        all.push_back(&v4::TARGET);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        all.push_back(&v3::TARGET);
    all.push_back(&v2::TARGET);
    return all;
}
#else
namespace baseline {
extern const Target TARGET;
}

std::vector<const Target*> targets() {
    return {&baseline::TARGET};
}
#endif

const Target& target(std::string_view name) {
    for (const Target* one : targets())
        if (name == one->name)
            return *one;
    throw std::invalid_argument("this machine does not have the instruction set " + std::string(name));
}

}  // namespace deltarule
