#include "tests/crash/support/workbench.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "core/jcd/provisional.h"
#include "fs/posix_store.h"
#include "tests/crash/support/recording_store.h"
#include "tests/full_run.h"

namespace recrypt {
namespace {

namespace stdfs = std::filesystem;

const Caller kNobody{{65534, 65534}, 0};
size_t states_checked = 0;

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != 0;
}

bool TakesXattrs(const std::string& directory) {
  if (setxattr(directory.c_str(), "user.crash", "1", 1, 0) != 0) return false;
  return removexattr(directory.c_str(), "user.crash") == 0;
}

std::string MakeScratch() {
  std::string path = "/dev/shm/recryptfs-crash-XXXXXX";
  if (mkdtemp(path.data()) != nullptr) {
    if (TakesXattrs(path)) return path;
    rmdir(path.c_str());
  }
  const char* base = std::getenv("RECRYPT_MOUNT_TESTS");
  path = std::string(base == nullptr ? "/tmp" : base) + "/crash-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error(path);
  return path;
}

template <typename T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
void Must(Status status) {
  if (!status) throw std::runtime_error(status.error().message);
}

uint64_t InodeOf(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) throw std::runtime_error(path);
  return st.st_ino;
}

}  // namespace

ScratchDir::ScratchDir() : path_(MakeScratch()) {}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  stdfs::remove_all(path_, ignored);
}

std::string ScratchDir::Fresh(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  stdfs::remove_all(path);
  stdfs::create_directory(path);
  return path;
}

size_t StatesChecked() { return states_checked; }
size_t StatesWanted() { return IsFullRun() ? 750 : 50; }

uint64_t CrashSeed() {
  static const uint64_t seed = [] {
    const uint64_t chosen = IsSet("RECRYPT_SEED")
                                ? std::strtoull(std::getenv("RECRYPT_SEED"), nullptr, 10)
                                : std::random_device()();
    std::printf("seed: RECRYPT_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    std::fflush(stdout);
    return chosen;
  }();
  return seed;
}

Workbench::Workbench() : random_(CrashSeed()), directory_(scratch_.Fresh("share")) {
  labels_.Add("A#example.com");
  labels_.Add("B#example.com");
  access_ = std::make_unique<FakeAccess>(labels_, "alice@example.com");
  share_ = std::make_unique<RecoveredShare>(
      std::make_unique<RecordingStore>(Must(PosixStore::Open(directory_)), log_), *access_);
}

Workbench::~Workbench() {
  open_.clear();
  share_.reset();
}

std::string Workbench::RandomContent(size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random_());
  return text;
}

std::string Workbench::content(const std::string& path) const {
  return history_.ContentOf(history_.DocumentAt(path));
}

Workbench::Place Workbench::PlaceOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {fs().root().shared_from_this(), path};
  return {Find(path.substr(0, slash)).inode, path.substr(slash + 1)};
}

// Look-ups are not given back: the inodes live as long as the file system.
Entry Workbench::Find(const std::string& path) {
  const Place place = PlaceOf(path);
  return Must(fs().Lookup(*place.directory, place.name));
}

Workbench::Handle& Workbench::HandleOf(const std::string& path) { return open_.at(path); }

void Workbench::Create(const std::string& path) {
  const Place place = PlaceOf(path);
  (void)history_.Make(path, Now());
  auto made = Must(fs().CreateFile(*place.directory, place.name, 0644, O_RDWR, kNobody));
  history_.NamesDone(Now());
  open_[path] = Handle{std::move(made.file), made.entry.inode};
}

void Workbench::Open(const std::string& path, int flags) {
  const Entry entry = Find(path);
  const size_t begun = Now();
  if ((flags & O_TRUNC) != 0) Written(path, "", begun);
  auto opened = Must(fs().Open(*entry.inode, O_RDWR | flags));
  open_[path] = Handle{std::move(opened.file), entry.inode};
}

// Before the call: the change may reach the share while it runs.
void Workbench::Written(const std::string& path, std::string content, size_t begun) {
  history_.Write(history_.DocumentAt(path), content, begun);
}

void Workbench::Write(const std::string& path, uint64_t offset, const std::string& data) {
  std::string next = content(path);
  if (next.size() < offset + data.size()) next.resize(offset + data.size());
  next.replace(offset, data.size(), data);
  Written(path, std::move(next), Now());
  Must(fs().Write(*HandleOf(path).file, offset, AsBytes(data), WriteAt::kOffset));
}

void Workbench::Append(const std::string& path, const std::string& data) {
  Write(path, content(path).size(), data);
}

void Workbench::Truncate(const std::string& path, uint64_t size) {
  std::string next = content(path);
  next.resize(size);
  Written(path, std::move(next), Now());
  AttributeChange change;
  change.size = size;
  (void)Must(fs().SetAttributes(*HandleOf(path).inode, change, HandleOf(path).file.get()));
}

void Workbench::PunchHole(const std::string& path, uint64_t offset, uint64_t length) {
  std::string next = content(path);
  for (uint64_t at = offset; at < offset + length && at < next.size(); ++at) next[at] = 0;
  Written(path, std::move(next), Now());
  Must(fs().Allocate(*HandleOf(path).file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                     length));
}

void Workbench::Sync(const std::string& path) {
  Must(fs().Sync(*HandleOf(path).file));
  history_.Synced(history_.DocumentAt(path), Now());
}

void Workbench::Close(const std::string& path) {
  Must(fs().Flush(*HandleOf(path).file));
  fs().Close(*HandleOf(path).file);
  open_.erase(path);
}

void Workbench::Stat(const std::string& path) {
  (void)Find(path);
  history_.Closed(history_.DocumentAt(path), Now());
}

void Workbench::Save(const std::string& path, const std::string& content) {
  Create(path);
  Write(path, 0, content);
  Close(path);
}

void Workbench::SaveUnder(const std::string& label, const std::string& path,
                          const std::string& content) {
  RecoveredShare other(std::make_unique<RecordingStore>(Must(PosixStore::Open(directory_)), log_),
                       *access_, label);
  const int document = history_.Make(path, Now());
  history_.Write(document, content, Now());
  FileSystem& fs = other.fs();
  auto made = Must(fs.CreateFile(fs.root(), path, 0644, O_RDWR, kNobody));
  history_.NamesDone(Now());
  Must(fs.Write(*made.file, 0, AsBytes(content), WriteAt::kOffset));
  Must(fs.Sync(*made.file));
  history_.Synced(document, Now());
  fs.Close(*made.file);
  fs.Forget(*made.entry.inode, 1);
}

// Where there are no other changes it is committed at once.
void Workbench::SetXattr(const std::string& path, const std::string& name,
                         const std::string& value) {
  const Entry entry = Find(path);
  const int document = history_.DocumentAt(path);
  const bool committed = !open_.contains(path);
  history_.SetXattr(document, name, value, Now());
  Must(fs().SetXattr(*entry.inode, name, AsBytes(value), 0));
  if (committed) history_.Closed(document, Now());
}

size_t Workbench::Provisional() const {
  size_t count = 0;
  for (const auto& each : stdfs::recursive_directory_iterator(directory_)) {
    std::ifstream file(each.path(), std::ios::binary);
    file.seekg(kProvisionalAt);
    if (each.is_regular_file() && file.get() == kProvisionalMark) ++count;
  }
  return count;
}

void Workbench::MakeDirectory(const std::string& path) {
  const Place place = PlaceOf(path);
  history_.MakeDirectory(path, Now());
  (void)Must(fs().MakeDirectory(*place.directory, place.name, 0755, kNobody));
  history_.NamesDone(Now());
}

void Workbench::Rename(const std::string& from, const std::string& to, unsigned flags) {
  const Place source = PlaceOf(from), target = PlaceOf(to);
  if ((flags & RENAME_EXCHANGE) != 0) {
    history_.Exchange(from, to, Now());
  } else {
    history_.Rename(from, to, Now());
  }
  Must(fs().Rename(*source.directory, source.name, *target.directory, target.name, flags));
  history_.NamesDone(Now());
  if ((flags & RENAME_EXCHANGE) != 0) {
    std::swap(open_[from], open_[to]);
  } else if (auto handle = open_.extract(from)) {
    handle.key() = to;
    open_.insert(std::move(handle));
  }
}

void Workbench::RenameByCopy(const std::string& from, const std::string& to) {
  const Place source = PlaceOf(from), target = PlaceOf(to);
  (void)Find(to);  // as the kernel does, which the mount knows both by
  const int copy = history_.RenameByCopy(from, to, Now());
  Must(fs().Rename(*source.directory, source.name, *target.directory, target.name, 0));
  history_.NamesDone(Now());
  history_.Closed(copy, Now());
}

void Workbench::Link(const std::string& from, const std::string& to) {
  const Entry entry = Find(from);
  const Place place = PlaceOf(to);
  history_.Link(from, to, Now());
  (void)Must(fs().Link(*entry.inode, *place.directory, place.name));
  history_.NamesDone(Now());
}

void Workbench::Remove(const std::string& path) {
  const Place place = PlaceOf(path);
  history_.Remove(path, Now());
  Must(fs().Unlink(*place.directory, place.name));
  history_.NamesDone(Now());
}

void Workbench::SyncDirectory(const std::string& path) {
  Inode& directory = path.empty() ? fs().root() : *Find(path).inode;
  auto open = Must(fs().OpenDir(directory));
  Must(fs().SyncDir(*open));
  history_.SyncedNames(path, Now());
}

void Workbench::Unmount() {
  open_.clear();
  share_.reset();
}

void Workbench::CheckCrashes(DiskRules rules) {
  Unmount();
  const PowerCut power(log_.Read(), InodeOf(directory_));
  ASSERT_GT(power.size(), 0u);
  const size_t wanted = StatesWanted();
  // A third of them: the process was killed, at cuts that are evenly spread.
  for (size_t i = 0; i < wanted / 3; ++i) {
    const size_t cut = (power.size() * i + i % power.size()) / (wanted / 3) + 1;
    const size_t at = std::min(cut, power.size());
    if (!CheckState(power.Killed(at), at, Crash::kKilled, "killed")) return;
  }
  for (size_t i = wanted / 3; i < wanted; ++i) {
    const size_t cut = 1 + random_() % power.size();
    const uint64_t seed = random_();
    std::mt19937_64 random(seed);
    if (!CheckState(power.Lost(cut, rules, random), cut, Crash::kPowerCut,
                    "power cut " + std::to_string(seed))) {
      return;
    }
  }
}

bool Workbench::CheckState(const DiskImage& image, size_t cut, Crash crash,
                           const std::string& which) {
  const std::string directory = scratch_.Fresh("state");
  image.WriteOut(directory);
  const std::string wrong = WhatIsWrong(directory, cut, crash);
  ++states_checked;
  if (wrong.empty()) return true;
  ADD_FAILURE() << which << " after " << cut << " of " << log_.Count() << " operations: " << wrong;
  if (IsSet("RECRYPT_KEEP")) {
    stdfs::remove_all("/tmp/crash-state");
    stdfs::copy(directory, "/tmp/crash-state", stdfs::copy_options::recursive);
  }
  return false;
}

std::string Workbench::WhatIsWrong(const std::string& directory, size_t cut, Crash crash) {
  FoundTree after;
  {
    RecoveredShare share(directory, *access_);
    const FoundTree found = share.ReadTree();
    std::string wrong = history_.Check(found, cut, crash);
    if (wrong.empty()) wrong = share.GoOn(found);
    if (!wrong.empty()) return wrong + "\n" + share.log();
    after = share.ReadTree();
    for (const auto& [path, thing] : after) {
      if (!thing.error.empty()) return "after going on, \"" + path + "\": " + thing.error;
    }
  }
  RecoveredShare again(directory, *access_);
  if (again.ReadTree() != after)
    return "what was done after the crash is not there\n" + again.log();
  return "";
}

}  // namespace recrypt
