// FuseSession: a mount, between the kernel and a FileSystem.
//
//   FuseSession session(options, log);
//   RECRYPT_ASSIGN(auto fs, FileSystem::Create(..., session, ...));
//   RECRYPT_TRY(session.Mount(*fs));
//   session.Serve();                  // until it is unmounted, or Stop() is called elsewhere
//
// Mount, Serve and the destructor belong to one thread; Stop and the KernelCache's functions may be
// called from any other, the latter as kernel_cache.h says.
#ifndef RECRYPT_FS_FUSE_SESSION_H_
#define RECRYPT_FS_FUSE_SESSION_H_

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "fs/file_system.h"
#include "fs/fuse_device.h"
#include "fs/fuse_loop.h"
#include "fs/kernel_cache.h"
#include "fs/lock_queue.h"
#include "fs/log.h"

struct fuse_session;

namespace recrypt {

struct SessionOptions {
  std::string mountpoint;
  std::string source;  // what the table of mounts shows: the share's path
  bool read_only = false;
  bool allow_other = false;
  bool default_permissions = false;  // the kernel checks modes; else the share does
  std::vector<std::string> more;     // mount options, as after -o
  unsigned threads = 16;
  double entry_timeout = 1.0;  // seconds for which names and attributes are believed
  double attribute_timeout = 1.0;
};

class FuseSession : public KernelCache {
 public:
  FuseSession(SessionOptions options, LogSink log);
  ~FuseSession() override;
  FuseSession(const FuseSession&) = delete;
  FuseSession& operator=(const FuseSession&) = delete;

  // `fs` has to outlive Serve.
  Status Mount(FileSystem& fs);
  void Serve();
  // Makes Serve return, with files open or not. What is dirty in the kernel has to be written back
  // before (syncfs).
  void Stop();

  void DropPages(uint64_t inode_id) override;
  void DropAttributes(uint64_t inode_id) override;
  void DropName(uint64_t directory_id, const std::string& name) override;

  // For the functions that the kernel calls.
  FileSystem& fs() { return *fs_; }
  const SessionOptions& options() const { return options_; }
  LockQueue& lock_queue() { return locks_; }
  FuseDevice& device() { return device_; }

 private:
  std::string MountOptions() const;

  const SessionOptions options_;
  const LogSink log_;
  FileSystem* fs_ = nullptr;
  struct fuse_session* session_ = nullptr;
  std::shared_mutex notifying_;  // shared while the kernel is told something; guards mounted_
  bool mounted_ = false;
  FuseDevice device_;
  std::unique_ptr<FuseLoop> loop_;  // from Mount on
  LockQueue locks_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FUSE_SESSION_H_
