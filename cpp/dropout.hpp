// Dropout masks: functions of seed, step, layer and place alone.
#pragma once

#include "philox.hpp"

namespace {

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
