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

// Work on n things between products, `portion` of them at a time if these are of tiles
template <class T, class Do> void in_portions(bool tiles, long n, long portion, Do work) {
    if (!HAS_TILES<T> || !tiles)
        return work(0, n);
    for (long i = 0; i < n; i += portion) {
        keep_awake();
        work(i, n - i < portion ? n : i + portion);
    }
}

// Whether pieces are worth their while for a layer: where each is used often, as measured, and where sums over the
// samples are not filled up with many zeros
template <class T> bool by_tiles(long n_in, long n_out, long rows) {
    const bool often = n_in >= 96 && n_out >= 96 && rows >= 64 && (n_in <= 2 * n_out || rows >= 256);
    return HAS_TILES<T> && often && 5 * rows >= 4 * steps_of(rows) * TERMS;
}

// Numbers of scratch for the pieces of `rows` rows of the left factor and some panels of right ones
template <class T> long pieces_size(long rows, long K, long panels = 1) {
    return (pieces_of(rows, K) + panels * pieces_of(PANEL<T>, K)) * long(sizeof(Piece)) / long(sizeof(T));
}

constexpr long ROOM = 1 << 20;  // bytes of a cache

// As many rows as a cache has room for in pieces
template <class T> long rows_at_once(bool tiles, long rows, long K) {
    const long most = ROOM / long(sizeof(Piece)) / (pieces_of(1, K) / TILE) / (2 * TILE) * (2 * TILE);
    return !tiles || rows < most ? rows : most > 0 ? most : 2 * TILE;
}

// A is (rows, K), or (K, rows) where it is transposed. Where tiles are to be used, scratch has room for the pieces, of
// right factors for so many panels; what is laid out there already stays.
template <class T, bool TRANSPOSED> class Left {
public:
    Left(bool tiles, Matrix<T> A, long rows, long K, T* scratch, long panels = 1, const Laid& laid = {})
        : tiles_(tiles),
          A_(A),
          rows_(rows),
          K_(K),
          right_((Piece*)scratch + laid.place * pieces_of(PANEL<T>, K)),
          left_((Piece*)scratch + panels * pieces_of(PANEL<T>, K)),
          keeps_(panels > 1),
          has_right_(laid.right) {
        if constexpr (HAS_TILES<T>)
            if (tiles && !laid.left)
                lay_left<TRANSPOSED>(A, rows, K, left_);
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
    Piece *const right_, *const left_;
    const bool keeps_, has_right_;

    // Some terms of all sums at a time
    void times_tiles(long width, Product<T> product) const {
        for (long k = 0; k < K_; k += AT_ONCE) {
            const long terms = K_ - k < AT_ONCE ? K_ - k : AT_ONCE, steps = steps_of(terms);
            Piece* right = right_ + (keeps_ ? pieces_of(PANEL<T>, k) : 0);
            if (!has_right_)
                lay_right({product.B.data + k * product.B.ld, product.B.ld}, terms, width, right);
            multiply_pieces({left_ + pieces_of(TILE, k), pieces_of(TILE, K_)}, {right, steps * STEP}, steps, rows_,
                            width, product);
            product.start = {product.C, product.ldc};
        }
    }
};

}  // namespace
