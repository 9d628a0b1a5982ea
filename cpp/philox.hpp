// Philox 4x64 (Salmon et al. 2011), as NumPy has it: random words that are a function of key and counter alone, whoever
// computes them, and in which order.
#pragma once

#include <cstdint>

namespace {

struct Words {
    std::uint64_t x[4];
};

inline Words philox(Words counter, std::uint64_t key0, std::uint64_t key1) {
    for (int round = 0; round < 10; round++) {
        const unsigned __int128 p0 = (unsigned __int128)0xD2E7470EE14C6C93u * counter.x[0];
        const unsigned __int128 p1 = (unsigned __int128)0xCA5A826395121157u * counter.x[2];
        counter = {{std::uint64_t(p1 >> 64) ^ counter.x[1] ^ key0, std::uint64_t(p1),
                    std::uint64_t(p0 >> 64) ^ counter.x[3] ^ key1, std::uint64_t(p0)}};
        key0 += 0x9E3779B97F4A7C15u;
        key1 += 0xBB67AE8584CAA73Bu;
    }
    return counter;
}

}  // namespace
