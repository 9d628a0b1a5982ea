// Arrays of Python as the module takes them, and checks.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>

namespace nb = nanobind;

namespace deltarule {

template <class T> using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T> using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class A> using Maybe = std::optional<A>;
using Orders = In<std::int64_t>;

inline void expect(bool condition, const char* message) {
    if (!condition)
        throw std::invalid_argument(message);
}

// Entries of a list that ends with a null name
template <class Traits> int count(const Traits* list) {
    int n = 0;
    while (list[n].name)
        n++;
    return n;
}

template <class T> const T* pointer(const Maybe<In<T>>& array) {
    return array ? array->data() : nullptr;
}

template <class T> T* pointer(const Maybe<Out<T>>& array) {
    return array ? array->data() : nullptr;
}

}  // namespace deltarule
