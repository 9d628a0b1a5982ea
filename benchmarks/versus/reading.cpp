// Prints in how many microseconds one core adds up so many float32 numbers that it has added up before.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

#if defined(__AVX512F__)
typedef float V __attribute__((vector_size(64)));
#elif defined(__AVX__)
typedef float V __attribute__((vector_size(32)));
#else
typedef float V __attribute__((vector_size(16)));
#endif

int main(int, char** words) {
    const long vectors = std::atol(words[1]) / long(sizeof(V) / sizeof(float)) / 8 * 8;
    V* const data = new (std::align_val_t(4096)) V[vectors + 8]{};
    double best = 1;
    float kept = 0;
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
    std::printf("%.4g %g\n", best * 1e6, double(kept));
}
