// How the tiles of a product's factors come to shared memory: by asynchronous copies of 16 bytes,
// or of 4 where alignment or an odd number of channels asks for it.
//
// Thread i of a block always copies the same column of chunks of 4 floats, i % kColumns, and of
// that the rows i / kColumns, + kPass, ...: neighbours copy what follows each other in memory.
#pragma once

#include "product_places.h"
#include "product_tile.h"

namespace rareface::cuda {

// Copies Size bytes of the image, zeros outside of it.
template <int Size>
__device__ inline void copy_pixel(const Product& p, const float* image, const Pixel& pixel,
                                  const Place& place, float* to) {
  const bool inside = is_inside(p, pixel, place);
  copy_async<Size>(to, image + (inside ? pixel.at + place.at : 0), inside ? Size : 0);
}

template <class T, int Rows, int Columns>
struct Chunks {
  static constexpr int kColumns = Columns;
  static constexpr int kPass = T::kThreads / kColumns;
  static constexpr int kPasses = Rows / kPass;
  static_assert(T::kThreads % kColumns == 0 && Rows % kPass == 0);

  __device__ static int column() { return 4 * (static_cast<int>(threadIdx.x) % kColumns); }
  __device__ static int row(int pass) {
    return static_cast<int>(threadIdx.x) / kColumns + pass * kPass;
  }
};

// Positions by depth, along k: A of forward and input_grad. Lines are positions from `first` on,
// whose pixels are worked out once and kept in shared memory.
template <class T>
class GatherAlong {
 public:
  using Tile = FactorTile<true, T::kRows>;
  static constexpr int kPixels = T::kRows;

  __device__ GatherAlong(const Product& p, const Phase& phase, const float* image, int first,
                         Pixel* pixels)
      : image_(image), pixels_(pixels) {
    for (int i = static_cast<int>(threadIdx.x); i < T::kRows; i += T::kThreads)
      pixels[i] = pixel_of(p, phase, static_cast<unsigned>(first + i));
    __syncthreads();
  }

  __device__ void copy(const Product& p, const Phase& phase, int k, float* tile) const {
    const auto at = static_cast<unsigned>(k + C::column());
    if (p.image_vectors) {
      copy_pixels<16>(p, place_of(p, phase, at), tile);
    } else {
#pragma unroll 1
      for (unsigned e = 0; e < 4; ++e) copy_pixels<4>(p, place_of(p, phase, at + e), tile + e);
    }
  }

 private:
  using C = Chunks<T, T::kRows, kDepth / 4>;

  template <int Size>
  __device__ void copy_pixels(const Product& p, const Place& place, float* tile) const {
#pragma unroll
    for (int i = 0; i < C::kPasses; ++i)
      copy_pixel<Size>(p, image_, pixels_[C::row(i)], place,
                       tile + Tile::at(C::row(i), C::column()));
  }

  const float* image_;
  const Pixel* pixels_;
};

// Depth by positions, across k: A of filter_grad. Lines are places along the depth.
template <class T>
class GatherAcross {
 public:
  using Tile = FactorTile<false, T::kRows>;
  static constexpr int kPixels = 0;

  __device__ GatherAcross(const Product& p, const Phase& phase, const float* image, int first,
                          Pixel*)
      : image_(image), first_(static_cast<unsigned>(first + C::column())) {
    place_ = place_of(p, phase, first_);
  }

  __device__ void copy(const Product& p, const Phase& phase, int k, float* tile) const {
#pragma unroll
    for (int i = 0; i < C::kPasses; ++i) {
      const Pixel pixel = pixel_of(p, phase, static_cast<unsigned>(k + C::row(i)));
      float* to = tile + Tile::at(C::column(), C::row(i));
      if (p.image_vectors) {
        copy_pixel<16>(p, image_, pixel, place_, to);
      } else {
#pragma unroll 1
        for (unsigned e = 0; e < 4; ++e)
          copy_pixel<4>(p, image_, pixel, place_of(p, phase, first_ + e), to + e);
      }
    }
  }

 private:
  using C = Chunks<T, kDepth, T::kRows / 4>;
  const float* image_;
  unsigned first_;
  Place place_;
};

// Rows of B across k: of forward and filter_grad. `end` is that of k.
template <class T>
class RowsAcross {
 public:
  using Tile = FactorTile<false, T::kCols>;

  __device__ RowsAcross(const Product& p, const Phase&, const float* b, int first, int end)
      : b_(b), col_(first + C::column()), end_(end) {
    (void)p;
  }

  __device__ void copy(const Product& p, const Phase&, int k, float* tile) const {
#pragma unroll
    for (int i = 0; i < C::kPasses; ++i) {
      const int row = k + C::row(i);
      float* to = tile + Tile::at(C::column(), C::row(i));
      if (p.b_vectors) {
        const bool inside = row < end_ && col_ < p.cols;
        copy_async<16>(to, b_ + (inside ? at(p, row) : 0), inside ? 16 : 0);
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const bool inside = row < end_ && col_ + e < p.cols;
          copy_async<4>(to + e, b_ + (inside ? at(p, row) + static_cast<unsigned>(e) : 0),
                        inside ? 4 : 0);
        }
      }
    }
  }

 private:
  using C = Chunks<T, kDepth, T::kCols / 4>;
  __device__ unsigned at(const Product& p, int row) const {
    return static_cast<unsigned>(row) * static_cast<unsigned>(p.b_stride) +
           static_cast<unsigned>(col_);
  }
  const float* b_;
  int col_, end_;
};

// Columns of B along k: of input_grad.
template <class T>
class ColumnsAlong {
 public:
  using Tile = FactorTile<true, T::kCols>;

  __device__ ColumnsAlong(const Product&, const Phase&, const float* b, int first, int)
      : b_(b), first_(first) {}

  __device__ void copy(const Product& p, const Phase& phase, int k, float* tile) const {
    const auto at = static_cast<unsigned>(k + C::column());
    if (p.b_vectors) {
      copy_columns<16>(p, place_of(p, phase, at), tile);
    } else {
#pragma unroll 1
      for (unsigned e = 0; e < 4; ++e) copy_columns<4>(p, place_of(p, phase, at + e), tile + e);
    }
  }

 private:
  using C = Chunks<T, T::kCols, kDepth / 4>;

  template <int Size>
  __device__ void copy_columns(const Product& p, const Place& place, float* tile) const {
#pragma unroll
    for (int i = 0; i < C::kPasses; ++i) {
      const int col = first_ + C::row(i);
      const bool inside = place.y != kNowhere && col < p.cols;
      const unsigned at = (place.tap * static_cast<unsigned>(p.cols) + static_cast<unsigned>(col)) *
                              p.channels.divisor +
                          place.channel;
      copy_async<Size>(tile + Tile::at(C::row(i), C::column()), b_ + (inside ? at : 0),
                       inside ? Size : 0);
    }
  }

  const float* b_;
  int first_;
};

}  // namespace rareface::cuda
