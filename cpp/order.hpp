// The order in which an epoch sees its samples.
#pragma once

#include <cstdint>

namespace deltarule {

// 0 to n - 1, shuffled: a function of seed and epoch alone
void shuffled(std::uint64_t seed, std::uint64_t epoch, long n, std::int64_t* order);

}  // namespace deltarule
