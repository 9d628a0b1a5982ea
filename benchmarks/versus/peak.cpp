// Prints how many float32 multiplications and additions a second one core can do at most.
#include <chrono>
#include <cstdio>

#include "widest.hpp"

int main() {
    constexpr int chains = 10, rounds = 100000;
    constexpr double lanes = sizeof(V) / sizeof(float);
    double best = 0;
    float kept = 0;
    for (int trial = 0; trial < 200; trial++) {
        V a0{}, a1 = a0 + 1, a2 = a0 + 2, a3 = a0 + 3, a4 = a0 + 4, a5 = a0 + 5, a6 = a0 + 6, a7 = a0 + 7, a8 = a0 + 8,
                a9 = a0 + 9;
        const V x = V{} + 1.0000001f, y = V{} + 1e-9f * float(trial);
        const auto began = std::chrono::steady_clock::now();
        for (int k = 0; k < rounds; k++) {
            a0 = a0 * x + y, a1 = a1 * x + y, a2 = a2 * x + y, a3 = a3 * x + y, a4 = a4 * x + y;
            a5 = a5 * x + y, a6 = a6 * x + y, a7 = a7 * x + y, a8 = a8 * x + y, a9 = a9 * x + y;
        }
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        const V sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9;
        kept += sum[0];
        const double rate = 2.0 * lanes * chains * rounds / seconds;
        best = rate > best ? rate : best;
    }
    std::printf("%.4g %g\n", best, double(kept));
}
