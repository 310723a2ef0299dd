// KernelCache: what the file system asks of the kernel's side of the mount.
//
// DropPages and DropName are called only from threads that hold no lock which a FUSE request may
// wait for: dropping pages waits for requests on them, and writes dirty ones back through the mount
// first. DropAttributes waits for nothing. Of the threads that answer requests only a few may drop
// pages at a time: the others have to take what is written back.
#ifndef RECRYPT_FS_KERNEL_CACHE_H_
#define RECRYPT_FS_KERNEL_CACHE_H_

#include <cstdint>
#include <string>

namespace recrypt {

class KernelCache {
 public:
  virtual ~KernelCache() = default;
  // Writes dirty pages of a file back and forgets all of them, mapped ones included, with its
  // attributes.
  virtual void DropPages(uint64_t inode_id) = 0;
  // Forgets a file's attributes alone: its size, where another mount changed it.
  virtual void DropAttributes(uint64_t inode_id) = 0;
  // Forgets what a name in a directory leads to.
  virtual void DropName(uint64_t directory_id, const std::string& name) = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_KERNEL_CACHE_H_
