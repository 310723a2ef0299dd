// RecoveredShare: a file system on a share as a crash has left it, in the test's own process.
//
//   RecoveredShare share(directory, access);
//   FoundTree found = share.ReadTree();          // everything that a program finds, with contents
//   std::string wrong = share.GoOn(found);       // can a program go on working with it?
//
// Not thread safe.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_RECOVERED_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_RECOVERED_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/crypto/symmetric.h"
#include "fs/file_system.h"

namespace recrypt {

// What stands under a name. Contents compare by their digest.
struct FoundThing {
  bool is_directory = false;
  std::string error = {};  // that a program gets when it reads it
  uint64_t size = 0;
  Sha256Digest digest = {};
  std::map<std::string, std::string> xattrs = {};  // of a document, the mount's own left out

  static FoundThing File(std::string_view content);
  bool operator==(const FoundThing&) const = default;
};
using FoundTree = std::map<std::string, FoundThing>;  // by path

// A kernel that caches nothing.
class NoKernelCache : public KernelCache {
 public:
  void DropPages(uint64_t) override {}
  void DropAttributes(uint64_t) override {}
  void DropName(uint64_t, const std::string&) override {}
};

// Time that can be made to pass.
class SkippingClock : public SystemClock {
 public:
  int64_t MonotonicMillis() const override { return SystemClock::MonotonicMillis() + skipped_; }
  void Skip(int64_t millis) { skipped_ += millis; }

 private:
  std::atomic<int64_t> skipped_{0};
};

class RecoveredShare {
 public:
  // New files get `label`.
  RecoveredShare(std::unique_ptr<Store> store, Access& access,
                 const std::string& label = "A#example.com");
  // On a directory as it is.
  RecoveredShare(const std::string& directory, Access& access);
  ~RecoveredShare();

  FileSystem& fs() { return *fs_; }
  SkippingClock& clock() { return clock_; }
  FoundTree ReadTree();
  // The content of one file; the error's message when it cannot be read.
  Result<std::string> Read(const std::string& path);
  // Changes every document by overwriting and appending, makes a new one, commits, and reads all
  // of it. What fails, or is not as written; "" when all is well.
  std::string GoOn(const FoundTree& found);
  const std::string& log() const { return log_; }

 private:
  void ReadDirectory(Inode& directory, const std::string& path, FoundTree& found);
  Result<std::string> ReadDocument(Inode& inode);
  Status ReadXattrs(Inode& inode, FoundThing& thing);
  Result<Entry> Find(const std::string& path);
  std::string Change(const std::string& path);

  std::unique_ptr<Store> store_;
  SkippingClock clock_;
  NoKernelCache kernel_;
  std::mutex log_mutex_;  // guards log_
  std::string log_;
  std::unique_ptr<FileSystem> fs_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_RECOVERED_H_
