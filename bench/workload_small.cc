// Workloads on many small files.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "bench/workload.h"

namespace bench {
namespace {

void MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0) Fail(path);
}

Amount CreateFiles(const Options& options, Content& content) {
  MakeDirectory(options.directory + "/small");
  for (uint64_t i = 0; i < options.files; ++i) {
    if (i % options.in_directory == 0) MakeDirectory(options.SmallDirectory(i));
    File file(options.Small(i), O_WRONLY | O_CREAT | O_EXCL);
    file.WriteAt(content.At(kFirstSmallFile + i, 1, 0), kBlock, 0);
  }
  return {.bytes = options.files * kBlock, .operations = options.files};
}

void ReadSmall(const Options& options, uint64_t number, std::vector<char>& buffer) {
  File file(options.Small(number), O_RDONLY);
  uint64_t bytes = 0;
  while (const uint64_t n = file.ReadNext(buffer.data(), buffer.size())) bytes += n;
  if (bytes != kBlock) FailPlainly(options.Small(number) + ": wrong size");
}

Amount ReadFiles(const Options& options, Content&) {
  std::vector<char> buffer(128 * 1024);
  for (uint64_t i = 0; i < options.files; ++i) ReadSmall(options, i, buffer);
  return {.bytes = options.files * kBlock, .operations = options.files};
}

// What `ls -l` does: each directory is listed, each name in it looked at.
Amount StatFiles(const Options& options, Content&) {
  Amount amount;
  for (uint64_t i = 0; i < options.files; i += options.in_directory) {
    DIR* directory = opendir(options.SmallDirectory(i).c_str());
    if (directory == nullptr) Fail(options.SmallDirectory(i));
    while (const dirent* entry = readdir(directory)) {
      struct stat about;
      if (entry->d_name[0] == '.') continue;
      if (fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        Fail(entry->d_name);
      }
      if (about.st_size != kBlock) FailPlainly(std::string(entry->d_name) + ": wrong size");
      ++amount.operations;
    }
    closedir(directory);
  }
  if (amount.operations != options.files) FailPlainly("not all small files are listed");
  return amount;
}

Amount DeleteFiles(const Options& options, Content&) {
  for (uint64_t i = 0; i < options.files; ++i) {
    if (unlink(options.Small(i).c_str()) != 0) Fail(options.Small(i));
  }
  for (uint64_t i = 0; i < options.files; i += options.in_directory) {
    if (rmdir(options.SmallDirectory(i).c_str()) != 0) Fail(options.SmallDirectory(i));
  }
  if (rmdir((options.directory + "/small").c_str()) != 0) Fail("small");
  return {.operations = options.files};
}

uint64_t RandomFile(const Options& options, uint64_t operation) {
  return Random(options.seed, operation) % options.files;
}

// Of files that lie in the caches: the first half of the operations is not counted.
Amount OpenReadClose(const Options& options, Content&) {
  std::vector<char> buffer(kBlock * 2);
  Amount amount = {.operations = options.operations};
  for (uint64_t i = 0; i < 2 * options.operations; ++i) {
    const uint64_t number = RandomFile(options, i % options.operations);
    const double begun = Seconds();
    ReadSmall(options, number, buffer);
    if (i >= options.operations) amount.latencies.push_back(Seconds() - begun);
  }
  return amount;
}

// Opens each file once, which neither the kernel nor the mount knows; the stored files lie in the
// disk's cache. With --lock the mount holds a grant for the first, which is not timed, and for no
// other. What it knows of the service by then stays.
Amount OpenOne(const Options& options, Content&) {
  std::vector<char> buffer(kBlock * 2);
  for (uint64_t i = 0; i < options.files; ++i) {
    ReadSmall(options, i, buffer);
    File(options.Small(i), O_RDONLY).DropPages();
  }
  if (!options.lock.empty() && setxattr(options.lock.c_str(), "user.jcd.lock", "1", 1, 0) != 0) {
    Fail(options.lock);
  }
  File("/proc/sys/vm/drop_caches", O_WRONLY).WriteAt("2\n", 2, 0);
  ReadSmall(options, 0, buffer);
  Amount amount = {.operations = options.files - 1};
  for (uint64_t i = 1; i < options.files; ++i) {
    const double begun = Seconds();
    ReadSmall(options, i, buffer);
    amount.latencies.push_back(Seconds() - begun);
  }
  return amount;
}

Amount VerifySmall(const Options& options, Content& content) {
  std::vector<char> buffer(kBlock + 1);
  for (uint64_t i = 0; i < options.files; ++i) {
    File file(options.Small(i), O_RDONLY);
    if (file.ReadAt(buffer.data(), buffer.size(), 0) != kBlock ||
        std::memcmp(buffer.data(), content.At(kFirstSmallFile + i, 1, 0), kBlock) != 0) {
      FailPlainly(options.Small(i) + " holds other bytes");
    }
  }
  return {.bytes = options.files * kBlock, .operations = options.files};
}

}  // namespace

const std::vector<Workload>& SmallWorkloads() {
  static const std::vector<Workload> workloads = {
      {"create", CreateFiles, "creates small files of 4 KiB"},
      {"read-files", ReadFiles, "reads each small file"},
      {"stat", StatFiles, "lists the small files and looks at each"},
      {"delete", DeleteFiles, "deletes the small files"},
      {"open-read", OpenReadClose, "opens, reads and closes small files at random; latencies"},
      {"open-one", OpenOne, "opens each file once, from no cache; with --lock, without a grant"},
      {"verify-small", VerifySmall, "compares the small files with what was written"},
  };
  return workloads;
}

}  // namespace bench
