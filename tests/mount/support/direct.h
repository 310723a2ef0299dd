// DirectMount: the file system of a mount called in the test's own process, by paths, without FUSE
// in front: fast, and with any store behind it.
//
//   DirectMount mount(PosixStore::Open(share), access, {.label = "A#example.com"});
//   RECRYPT_ASSIGN(auto file, mount.Open("d/a", O_RDWR | O_CREAT));
//   RECRYPT_TRY(file.Write(0, "text"));
//   RECRYPT_TRY(file.Close());                 // as close(2): flushes and releases
//
// The kernel's part is played as plainly as possible: every path is looked up anew, nothing is
// cached. Files have to be gone before their mount. Thread safe as FileSystem is.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_DIRECT_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_DIRECT_H_

#include <memory>
#include <string>
#include <vector>

#include "fs/file_system.h"

namespace recrypt {

class DirectMount {
 public:
  struct Settings {
    std::string label = "A#example.com";
    int64_t lock_wait_ms = 5000;
    uint64_t key_writes = kNewKeyDue;
  };

  // Throws when the share cannot be mounted.
  DirectMount(std::unique_ptr<Store> store, Access& access, Settings settings);
  DirectMount(std::unique_ptr<Store> store, Access& access);
  ~DirectMount();  // unmounts: commits and applies what it can

  FileSystem& fs() { return *fs_; }
  std::string log() const;

  // An inode that the kernel knows.
  class Known {
   public:
    Known(FileSystem& fs, Entry entry) : fs_(&fs), entry_(std::move(entry)) {}
    Known(Known&& other) noexcept : fs_(other.fs_), entry_(std::move(other.entry_)) {}
    Known& operator=(Known&&) = delete;
    ~Known() {
      if (entry_.inode != nullptr) fs_->Forget(*entry_.inode, 1);
    }
    Inode& operator*() const { return *entry_.inode; }
    const struct stat& attributes() const { return entry_.attributes; }

   private:
    FileSystem* fs_;
    Entry entry_;
  };

  class File {
   public:
    File(FileSystem& fs, Known inode, std::unique_ptr<OpenFile> open)
        : fs_(&fs), inode_(std::move(inode)), open_(std::move(open)) {}
    File(File&&) = default;
    File& operator=(File&&) = delete;
    ~File() { (void)Close(); }

    Status Write(uint64_t offset, std::string_view data);
    Status Append(std::string_view data);
    Result<std::string> Read(uint64_t offset, size_t size);
    Result<std::string> ReadAll();
    Status Truncate(uint64_t size);
    Status Sync() { return fs_->Sync(*open_); }
    Status Close();
    OpenFile& open() { return *open_; }

   private:
    FileSystem* fs_;
    Known inode_;
    std::unique_ptr<OpenFile> open_;
  };

  Result<File> Open(const std::string& path, int flags);
  Result<Known> Lookup(const std::string& path);
  Result<struct stat> Stat(const std::string& path);
  Result<std::string> Read(const std::string& path);
  Status Write(const std::string& path, std::string_view content);  // O_CREAT | O_TRUNC
  Status MakeDirectory(const std::string& path);
  Status MakeSymlink(const std::string& path, const std::string& target);
  Status Link(const std::string& path, const std::string& to);
  Status Unlink(const std::string& path);
  Status RemoveDirectory(const std::string& path);
  Status Rename(const std::string& from, const std::string& to, unsigned flags = 0);
  Result<std::vector<std::string>> List(const std::string& path);  // sorted, without . and ..
  Status SetXattr(const std::string& path, const std::string& name, std::string_view value);
  Result<std::string> GetXattr(const std::string& path, const std::string& name);
  Status ListXattr(const std::string& path);
  Result<struct stat> ChangeModeAndTime(const std::string& path, mode_t mode, time_t modified);
  Status StatFs(const std::string& path);
  Status CheckAccess(const std::string& path, int mask);

 private:
  class NoKernel : public KernelCache {
   public:
    void DropPages(uint64_t) override {}
    void DropAttributes(uint64_t) override {}
    void DropName(uint64_t, const std::string&) override {}
  };
  struct Place {
    Known parent;
    std::string name;
  };
  Result<Place> PlaceOf(const std::string& path);

  const std::unique_ptr<Store> store_;
  const SystemClock clock_;
  NoKernel kernel_;
  mutable std::mutex log_mutex_;  // guards log_; innermost
  std::string log_;
  std::unique_ptr<FileSystem> fs_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_DIRECT_H_
