#include "order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "philox.hpp"

namespace deltarule {

namespace {

constexpr long AHEAD = 64;                 // places drawn, and asked of the memory, before they are needed
constexpr std::uint64_t KEY_OF_ORDER = 1;  // 0 is that of dropout

}  // namespace

// Durstenfeld (1964): from the last place to the second, each changes with one drawn from those up to it
void shuffled(std::uint64_t seed, std::uint64_t epoch, long n, std::int64_t* order) {
    std::iota(order, order + n, 0);
    std::int64_t* drawn[AHEAD];
    for (long last = n - 1, block = 1; last > 0; last -= AHEAD) {
        const long places = std::min(last, AHEAD);
        for (long k = 0; k < places; k += 4, block++) {
            const Words words = philox({{std::uint64_t(block), 0, 0, epoch}}, seed, KEY_OF_ORDER);
            for (long i = k; i < std::min(k + 4, places); i++) {
                const auto up_to = static_cast<unsigned __int128>(last - i + 1);
                drawn[i] = order + static_cast<long>(words.x[i - k] * up_to >> 64);
                __builtin_prefetch(drawn[i], 1);
            }
        }
        for (long k = 0; k < places; k++)
            std::swap(order[last - k], *drawn[k]);
    }
}

}  // namespace deltarule
