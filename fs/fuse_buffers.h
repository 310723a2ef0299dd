// FuseBuffers: memory for the largest requests and answers of a mount.
//
//   FuseBuffers::Buffer buffer = buffers.Take();     // kSize bytes, undefined, aligned to pages
//
// A buffer goes back when it dies. Each takes more than a thread does otherwise, and few threads
// are at a request that fills one: so they belong to requests, and not to threads. Some that are
// free are kept, since fresh memory costs a fault for each page.
//
// Thread safe; outlives its buffers.
#ifndef RECRYPT_FS_FUSE_BUFFERS_H_
#define RECRYPT_FS_FUSE_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace recrypt {

class FuseBuffers {
 public:
  // A write of FuseDevice::kMaxWrite with what stands in front of it.
  static constexpr size_t kSize = (size_t{1} << 20) + 4096;
  static constexpr size_t kKept = 8;

  struct GiveBack {
    FuseBuffers* to;
    void operator()(uint8_t* memory) const { to->Give(memory); }
  };
  using Buffer = std::unique_ptr<uint8_t, GiveBack>;

  FuseBuffers() = default;
  ~FuseBuffers();
  FuseBuffers(const FuseBuffers&) = delete;
  FuseBuffers& operator=(const FuseBuffers&) = delete;

  // Throws std::bad_alloc, as new does.
  Buffer Take();

 private:
  void Give(uint8_t* memory);

  std::mutex mutex_;  // guards free_; innermost
  std::vector<uint8_t*> free_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_BUFFERS_H_
