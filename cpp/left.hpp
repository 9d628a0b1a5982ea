// The left factor of several products, by vectors as it lies, or in pieces that tiles are made of.
#pragma once

#include "kernels.hpp"
#include "layout.hpp"
#include "tiles.hpp"

namespace {

#if defined(__AMX_BF16__)
template <class T> constexpr bool HAS_TILES = sizeof(T) == sizeof(float);
#else
template <class T> constexpr bool HAS_TILES = false;
inline void set_up_tiles() {}
inline void release_tiles() {}
inline void keep_awake() {}
#endif

// Work on n things between products, if these are of tiles so many at a time that the unit does not fall asleep
template <class T, class Do> void awake(bool tiles, long n, long portion, Do work) {
    if (!HAS_TILES<T> || !tiles)
        return work(0, n);
    for (long i = 0; i < n; i += portion) {
        keep_awake();
        work(i, smaller(n, i + portion));
    }
}

// Which part of whole steps n terms are
inline double filled(long n) {
    return double(n) / double(steps_of(n) * TERMS);
}

// Whether pieces are worth their while for a layer: where each is used often, and little of what is multiplied is
// filled up with zeros; as measured
template <class T> bool by_tiles(long n_in, long n_out, long rows, bool training) {
    const bool often = n_in >= 96 && n_out >= 96 && rows >= 64;
    const bool full = filled(rows) >= 0.75 && filled(rows) * filled(n_in) * filled(n_out) >= 0.7;
    return HAS_TILES<T> && often && (!training || full);
}

constexpr long CACHE = 1 << 20;  // bytes of a cache

// As many rows of K terms as a cache has room for in pieces
template <class T> long rows_in_cache(bool tiles, long rows, long K) {
    const long row = steps_of(K) * STEP / TILE;  // pieces of one
    const long room = CACHE / long(sizeof(Piece)) / row / PAIR * PAIR;
    return tiles ? smaller(rows, larger(room, PAIR)) : rows;
}

// Where the pieces of factors lie: of right ones first, for so many panels, then of the left one
struct Places {
    Piece *right, *left;
    bool right_laid = false, left_laid = false;  // already
    bool keeps = false;  // all terms of a panel stay; else STEPS_AT_ONCE at a time take the place of those before
};

// Of a product with one right panel after the other, each used once
template <class T> Places places(T* scratch, bool left_laid) {
    Piece* const right = (Piece*)scratch;
    return {right, right + pieces_of(PANEL<T>, STEPS_AT_ONCE * TERMS), false, left_laid};
}

template <class T> long pieces_size(long rows, long K) {
    return (pieces_of(rows, K) + pieces_of(PANEL<T>, STEPS_AT_ONCE * TERMS)) * long(sizeof(Piece)) / long(sizeof(T));
}

// Of a gradient: some panels of dZ stay, for the next inputs
template <class T> Places places(T* scratch, long K, long kept, const Laid& laid) {
    Piece* const right = (Piece*)scratch;
    const long panel = pieces_of(PANEL<T>, K);
    return {right + laid.place * panel, right + kept * panel, laid.right, laid.left, true};
}

template <class T> long pieces_size_of_gradient(long K, long kept) {
    return (pieces_of(BLOCK<T>, K) + kept * pieces_of(PANEL<T>, K)) * long(sizeof(Piece)) / long(sizeof(T));
}

// The left factor of several products: A is (rows, K), or (K, rows) where it is transposed
template <class T, bool TRANSPOSED> class Left {
public:
    Left(bool tiles, Matrix<T> A, long rows, long K, const Places& places)
        : tiles_(tiles), A_(A), rows_(rows), K_(K), places_(places) {
        if constexpr (HAS_TILES<T>)
            if (tiles && !places.left_laid)
                lay_left<TRANSPOSED>(A, rows, K, places.left);
    }

    // C = start + A B, of a panel of `width` columns; A and K of the product are its own
    void times(long width, Product<T> product) const {
        product.A = A_;
        product.K = K_;
        if constexpr (HAS_TILES<T>)
            if (tiles_)
                return times_tiles(width, product);
        multiply<T, TRANSPOSED>(width, rows_, product);
    }

private:
    const bool tiles_;
    const Matrix<T> A_;
    const long rows_, K_;
    const Places places_;

    // Some terms of all sums at a time
    void times_tiles(long width, Product<T> product) const {
        const long all = steps_of(K_), times = (all + STEPS_AT_ONCE - 1) / STEPS_AT_ONCE;
        for (long i = 0; i < times; i++) {
            const long first = all * i / times, end = all * (i + 1) / times, steps = end - first, k = first * TERMS;
            const long terms = smaller(steps * TERMS, K_ - k);
            Piece* right = places_.right + (places_.keeps ? pieces_of(PANEL<T>, k) : 0);
            if (!places_.right_laid)
                lay_right({product.B.data + k * product.B.ld, product.B.ld}, terms, width, right);
            multiply_pieces({places_.left + pieces_of(TILE, k), pieces_of(TILE, K_)}, {right, steps * STEP}, steps,
                            rows_, width, product);
            product.start = {product.C, product.ldc};
        }
    }
};

}  // namespace
