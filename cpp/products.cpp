#include "linear_model.hpp"
#include "parts.hpp"

namespace deltarule {

namespace {

constexpr long COLUMNS = 224;       // in a block of the products
constexpr long TASKS = 24;          // enough for the threads to be done at about the same time
constexpr long CHUNKS_AT_ONCE = 4;  // chunks of rows that are added to a sum before another one comes into the cache

// Into the block across the diagonal of A (q, q) what is in this one, square by square
void mirror(LinearBlock block, double* A, long q) {
    constexpr long side = 32;
    for (long C = block.c0; C < block.c1; C += side)
        for (long E = block.e0; E < block.e1; E += side)
            for (long c = C; c < std::min(C + side, block.c1); c++)
                for (long e = std::max(E, c + 1); e < std::min(E + side, block.e1); e++)
                    A[e * q + c] = A[c * q + e];
}

// The products of columns as few as a block has: a thread lays out some rows, and multiplies them at once
template <class T, class S>
bool narrow_gram(const GramKernels<T, S>& kernels, const LinearJob<T>& job, long i, long j, long q, double* out,
                 const Control& control) {
    const LinearBlock all = {0, q, 0, q};
    const long size = kernels.size(all), count = std::min(parts_of(job, q * q), TASKS);
    const long table = kernels.scratch(q), strips = kernels.strips_size(kernels.rows, q);
    Memory memory;
    S* sums = memory.take<S>(count * size);
    const bool done = each_part(count, table + strips, double(job.m) * double(q) * double(q), control,
                                [&](long part, double* scratch) {
                                    const Part rows = part_of(job.m, part, count);
                                    S* own = reinterpret_cast<S*>(scratch + table);
                                    for (long r = rows.begin; r < rows.end; r += kernels.rows) {
                                        const long end = std::min(r + kernels.rows, rows.end);
                                        kernels.lay_out(job, r, end, 0, q, i, j, own, scratch);
                                        kernels.gram(own, own, end - r, all, sums + part * size);
                                    }
                                });
    add_up(sums, count, size);
    kernels.unpack_gram(all, sums, false, out, q);
    mirror(all, out, q);
    return done;
}

// The same of many columns: blocks of them are laid out, a slab of rows at a time, then each pair of blocks is
// multiplied
template <class T, class S> class WideGram {
public:
    WideGram(const GramKernels<T, S>& kernels, const LinearJob<T>& job, long q, double* out, const Control& control)
        : kernels_(kernels),
          job_(job),
          q_(q),
          out_(out),
          control_(control),
          width_(std::max(kernels.grain, COLUMNS / kernels.grain * kernels.grain)),
          side_(parts(q, width_)),
          chunks_(parts(job.m, kernels.rows)),
          room_(kernels.strips_size(kernels.rows, width_)),
          chunk_room_((side_ - 1) * room_ + kernels.strips_size(kernels.rows, q - (side_ - 1) * width_)) {
        for (long I = 0; I < side_; I++)
            for (long J = I; J < side_; J++)
                pairs_.push_back(
                    {{width_ * I, std::min(width_ * (I + 1), q), width_ * J, std::min(width_ * (J + 1), q)}});
        count_ = std::clamp(chunks_ / (2 * CHUNKS_AT_ONCE), 1L, std::max(1L, TASKS / long(pairs_.size())));
        slab_ = std::min(chunks_, CHUNKS_AT_ONCE * count_);
        strips_ = memory_.template take<S>(slab_ * chunk_room_);
        for (Pair& pair : pairs_) {
            pair.size = kernels.size(pair.block);
            pair.sums = memory_.template take<S>(count_ * pair.size);
        }
    }

    // False if the user wants to stop
    bool take(long i, long j) {
        constexpr bool often = sizeof(S) < sizeof(double);  // sums of few rows are added up in doubles
        for (long first = 0; first < chunks_; first += slab_) {
            const long end = std::min(first + slab_, chunks_);
            if (!lay_out(first, end, i, j) || !multiply(first, end))
                return false;
            if ((often || end == chunks_) && !unpack(often && first > 0, end == chunks_))
                return false;
        }
        return true;
    }

private:
    struct Pair {
        LinearBlock block;
        long size = 0;
        S* sums = nullptr;  // [count][size]
    };

    const GramKernels<T, S>& kernels_;
    const LinearJob<T>& job_;
    const long q_;
    double* const out_;
    const Control& control_;
    const long width_, side_;       // columns in a block, and blocks
    const long chunks_;             // of rows that are laid out at a time; a slab has several
    const long room_, chunk_room_;  // numbers in the strips of a chunk of a block, and of all blocks
    long count_, slab_;             // sums of a pair, each of some chunks of every slab, and chunks in a slab
    std::vector<Pair> pairs_;
    Memory memory_;
    S* strips_;  // [chunk of the slab][block]

    Part rows_of(long chunk) const { return {chunk * kernels_.rows, std::min((chunk + 1) * kernels_.rows, job_.m)}; }

    double numbers(long first, long end) const { return double((end - first) * kernels_.rows) * double(q_); }

    bool lay_out(long first, long end, long i, long j) {
        const long scratch = kernels_.scratch(width_), count = (end - first) * side_;
        return each_part(count, scratch, 4 * numbers(first, end), control_, [&](long task, double* table) {
            const long chunk = task / side_, I = task % side_;
            const Part rows = rows_of(first + chunk);
            kernels_.lay_out(job_, rows.begin, rows.end, I * width_, std::min((I + 1) * width_, q_), i, j,
                             strips_ + chunk * chunk_room_ + I * room_, table);
        });
    }

    bool multiply(long first, long end) {
        const double work = numbers(first, end) * double(q_);
        return each_part(long(pairs_.size()) * count_, 0, work, control_, [&](long task, double*) {
            const auto& [block, size, sums] = pairs_[task / count_];
            const Part own = part_of(end - first, task % count_, count_);
            for (long chunk = own.begin; chunk < own.end; chunk++) {
                const Part rows = rows_of(first + chunk);
                const S* strips = strips_ + chunk * chunk_room_;
                kernels_.gram(strips + block.c0 / width_ * room_, strips + block.e0 / width_ * room_,
                              rows.end - rows.begin, block, sums + task % count_ * size);
            }
        });
    }

    bool unpack(bool onto, bool last) {
        return each_part(long(pairs_.size()), 0, double(q_) * double(q_), control_, [&](long p, double*) {
            const auto& [block, size, sums] = pairs_[p];
            add_up(sums, count_, size);
            kernels_.unpack_gram(block, sums, onto, out_ + block.c0 * q_ + block.e0, q_);
            if (last)
                mirror(block, out_, q_);
            else
                std::fill_n(sums, count_ * size, S(0));
        });
    }
};

}  // namespace

template <class T, class S>
Outcome gram(const Target& target, const LinearJob<T>& job, long i, long j, long q, double* out,
             const Control& control) {
    const GramKernels<T, S>& kernels = target.linear<T>().template gram<S>();
    Outcome outcome;
    outcome.interrupted = !(q <= COLUMNS ? narrow_gram<T, S>(kernels, job, i, j, q, out, control)
                                         : WideGram<T, S>(kernels, job, q, out, control).take(i, j));
    return outcome;
}

template Outcome gram<float, float>(const Target&, const LinearJob<float>&, long, long, long, double*, const Control&);
template Outcome gram<float, double>(const Target&, const LinearJob<float>&, long, long, long, double*, const Control&);
template Outcome gram<double, double>(const Target&, const LinearJob<double>&, long, long, long, double*,
                                      const Control&);

}  // namespace deltarule
