// Workbench: a share with a recording store under a file system in the test's own process, and a
// History of what was done in it; then crash states of it, each checked.
//
//   Workbench bench;
//   bench.Create("a.txt");
//   bench.Write("a.txt", 0, content);
//   bench.Sync("a.txt");
//   bench.CheckCrashes(DiskRules::kAny);          // fails the test when a state breaks a promise
//
// A document is open from Create or Open to Close. What fails throws. Not thread safe.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_WORKBENCH_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_WORKBENCH_H_

#include <map>
#include <memory>
#include <random>
#include <string>

#include "tests/crash/support/history.h"
#include "tests/crash/support/power_cut.h"
#include "tests/mount/support/fake_access.h"

namespace recrypt {

// A directory in memory where extended attributes are to be had there, else where tests have
// theirs.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  const std::string& path() const { return path_; }
  // An empty directory in it; what was there under that name is removed.
  std::string Fresh(const std::string& name) const;

 private:
  std::string path_;
};

// How many crash states this run of a program has checked, and how many a workload is to have.
size_t StatesChecked();
size_t StatesWanted();
// Printed, and set by RECRYPT_SEED.
uint64_t CrashSeed();

class Workbench {
 public:
  Workbench();
  ~Workbench();

  std::mt19937_64& random() { return random_; }
  std::string RandomContent(size_t size);
  std::string content(const std::string& path) const;

  void Create(const std::string& path);
  void Open(const std::string& path, int flags = 0);  // besides O_RDWR
  void Write(const std::string& path, uint64_t offset, const std::string& data);
  void Append(const std::string& path, const std::string& data);
  void Truncate(const std::string& path, uint64_t size);
  void PunchHole(const std::string& path, uint64_t offset, uint64_t length);
  void Sync(const std::string& path);
  void Close(const std::string& path);
  // As stat(2) does, which completes what was closed a moment ago.
  void Stat(const std::string& path);
  void Save(const std::string& path, const std::string& content);  // made, written and closed

  // The same by another mount, whose new files have that label; durable.
  void SaveUnder(const std::string& label, const std::string& path, const std::string& content);
  void SetXattr(const std::string& path, const std::string& name, const std::string& value);
  void MakeDirectory(const std::string& path);
  void Rename(const std::string& from, const std::string& to, unsigned flags = 0);
  // Over a document of another label.
  void RenameByCopy(const std::string& from, const std::string& to);
  void Link(const std::string& from, const std::string& to);
  void Remove(const std::string& path);
  void SyncDirectory(const std::string& path);

  // Lets time pass for the mount.
  void Skip(int64_t millis) { share_->clock().Skip(millis); }
  // Documents on the share that are marked as provisional.
  size_t Provisional() const;
  // Ends the file system, with all that it does then, as an unmount.
  void Unmount();
  // StatesWanted() states at cuts all over what was done since the beginning.
  void CheckCrashes(DiskRules rules);

  FileSystem& fs() { return share_->fs(); }
  FakeLabels& labels() { return labels_; }
  FakeAccess& access() { return *access_; }
  const std::string& share() const { return directory_; }
  size_t Now() const { return log_.Count(); }

 private:
  struct Handle {
    std::unique_ptr<OpenFile> file;
    std::shared_ptr<Inode> inode;
  };
  struct Place {
    std::shared_ptr<Inode> directory;
    std::string name;
  };
  Place PlaceOf(const std::string& path);
  Entry Find(const std::string& path);
  Handle& HandleOf(const std::string& path);
  void Written(const std::string& path, std::string content, size_t begun);
  // Whether the state fulfils everything; else says why not, and fails the test.
  bool CheckState(const DiskImage& image, size_t cut, Crash crash, const std::string& which);
  std::string WhatIsWrong(const std::string& directory, size_t cut, Crash crash);

  std::mt19937_64 random_;
  ScratchDir scratch_;
  const std::string directory_;
  FakeLabels labels_;
  std::unique_ptr<FakeAccess> access_;
  StoreLog log_;
  History history_;
  std::unique_ptr<RecoveredShare> share_;
  std::map<std::string, Handle> open_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_WORKBENCH_H_
