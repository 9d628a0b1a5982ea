#include "dispatch.hpp"

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

std::vector<const Target*> targets() {
    std::vector<const Target*> all;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        all.push_back(&v4::TARGET);
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

}  // namespace deltarule
