// Whether numbers are numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace deltarule {

// By exponents, in vectors, as those are integers
template <class T> bool all_finite(const T* x, long n) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
    Bits found = 0;
    for (long i = 0; i < n; i++)
        found |= (std::bit_cast<Bits>(x[i]) & exponent) == exponent;
    return found == 0;
}

}  // namespace deltarule
