#include "fs/fuse_buffers.h"

#include <sys/mman.h>

#include <new>

namespace recrypt {

FuseBuffers::~FuseBuffers() {
  for (uint8_t* memory : free_) munmap(memory, kSize);
}

FuseBuffers::Buffer FuseBuffers::Take() {
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      uint8_t* memory = free_.back();
      free_.pop_back();
      return Buffer(memory, GiveBack{this});
    }
  }
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return Buffer(static_cast<uint8_t*>(memory), GiveBack{this});
}

void FuseBuffers::Give(uint8_t* memory) {
  {
    std::lock_guard lock(mutex_);
    if (free_.size() < kKept) return free_.push_back(memory);
  }
  munmap(memory, kSize);
}

}  // namespace recrypt
