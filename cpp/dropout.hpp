// Dropout masks by the counter-based generator Philox 4x64 (Salmon et al. 2011), the same that NumPy draws: a mask is a
// function of seed, step, layer and place alone, whoever computes it.
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

// Numbers `first` to `first` + n of the stream of 32-bit words: `keep` where the word is at least `threshold`, else 0
template <class T>
void dropout_mask(std::uint64_t seed, std::uint64_t step, std::uint64_t layer, std::uint64_t first, long n,
                  std::uint32_t threshold, T keep, T* mask) {
    Words block{};
    std::uint64_t at = 0;  // blocks are counted from 1; 0: none yet
    for (long i = 0; i < n; i++) {
        const std::uint64_t word = first + std::uint64_t(i);
        if (word / 8 + 1 != at) {
            at = word / 8 + 1;
            block = philox({{at, 0, layer, step}}, seed, 0);
        }
        const std::uint32_t drawn = std::uint32_t(block.x[word % 8 / 2] >> (word % 2 * 32));
        mask[i] = drawn >= threshold ? keep : T(0);
    }
}

}  // namespace
