// LocalMount: a file system in the test's own process, without a kernel in front of it.
//
//   LocalMount mount(share, access);
//   Reading reading = mount.Read("report.odt");
//
// The destructor commits and applies everything, as an unmount does.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_LOCAL_MOUNT_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_LOCAL_MOUNT_H_

#include <memory>
#include <mutex>
#include <string>

#include "core/base/clock.h"
#include "fs/file_system.h"
#include "tests/mount/support/stored_forms.h"

namespace recrypt {

class LocalMount {
 public:
  // kReader can change nothing on the share, and so leaves records where they are.
  enum class Kind { kReader, kWriter };
  LocalMount(const std::string& share, Access& access, Kind kind = Kind::kReader);
  ~LocalMount();

  FileSystem& operator*() { return *fs_; }
  FileSystem* operator->() { return fs_.get(); }

  // One open(2) of a document.
  class File {
   public:
    File(LocalMount& mount, Inode& inode, std::unique_ptr<OpenFile> file)
        : mount_(mount), inode_(inode), file_(std::move(file)) {}
    ~File();
    // Size and all blocks, in parts of 64 KiB.
    enum class Failed { kIsAllBad, kIsTriedByBlock };
    Reading Read(Failed failed);
    // 0 or an errno.
    int Write(uint64_t offset, ByteSpan data);
    int Sync();

   private:
    uint64_t ShownSize();
    bool ReadPart(Reading& reading, size_t size, Failed failed);

    LocalMount& mount_;
    Inode& inode_;
    const std::unique_ptr<OpenFile> file_;
  };
  // `flags` as in open(2); fails with what the file system says.
  Result<std::unique_ptr<File>> Open(const std::string& name, int flags);

  // Opens, reads, closes.
  Reading Read(const std::string& name);
  // What was logged since the last call.
  std::string TakeLog();

 private:
  struct NoKernel : KernelCache {
    void DropPages(uint64_t) override {}
    void DropAttributes(uint64_t) override {}
    void DropName(uint64_t, const std::string&) override {}
  };

  SystemClock clock_;
  NoKernel kernel_;
  std::mutex log_mutex_;  // guards log_
  std::string log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<FileSystem> fs_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_LOCAL_MOUNT_H_
