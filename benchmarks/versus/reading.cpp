// Prints, for each argument, in how many microseconds one core adds up so many float32 numbers that it has added up
// before.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "widest.hpp"

int main(int n_words, char** words) {
    float kept = 0;
    for (int word = 1; word < n_words; word++) {
        const long vectors = std::atol(words[word]) / long(sizeof(V) / sizeof(float)) / 8 * 8;
        V* const data = new (std::align_val_t(4096)) V[vectors + 8]{};
        double best = 1;
        for (int trial = 0; trial < 200; trial++) {
            constexpr int rounds = 20;
            const auto began = std::chrono::steady_clock::now();
            for (int k = 0; k < rounds; k++) {
                V sums[8] = {};
                for (long i = 0; i < vectors; i += 8)
#pragma GCC unroll 8
                    for (long j = 0; j < 8; j++)
                        sums[j] += data[i + j];
                const V all = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
                kept += all[0];
                data[k % (vectors + 8)] = all;  // so that no round can be left out
            }
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
            best = seconds / rounds < best ? seconds / rounds : best;
        }
        std::printf("%.4g ", best * 1e6);
    }
    std::printf("%g\n", double(kept));
}
