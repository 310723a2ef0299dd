// RawBytes: bytes that are going to be filled in as a whole: growing does not write zeros first.
//
//   RawBytes buffer;
//   buffer.resize(size);     // undefined from the old size on
//
// A plain value, as Bytes.
#ifndef RECRYPT_CORE_BASE_RAW_BYTES_H_
#define RECRYPT_CORE_BASE_RAW_BYTES_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace recrypt {

template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
};

using RawBytes = std::vector<uint8_t, UninitializedAllocator<uint8_t>>;

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_RAW_BYTES_H_
