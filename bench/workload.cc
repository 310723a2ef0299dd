// workload: performs one workload in a directory and prints how long it took, as JSON.
//
//   workload seq-write DIR --size 256
//   {"workload":"seq-write","seconds":0.412345,"bytes":268435456,"operations":256}
//
// Works on DIR/big, which seq-write makes, and on DIR/small, which create makes. Content is
// pseudo-random, the same in every run, and checked by verify-big and verify-small alone: nothing
// is verified while the clock runs. Dropping caches is the caller's part.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kChunk = uint64_t{1} << 20;
constexpr uint64_t kBlocksInPattern = 1024;
constexpr uint64_t kOperationsForOneSync = 32;
constexpr uint64_t kFilesInDirectory = 500;
constexpr uint64_t kFirstSmallFile = uint64_t{1} << 40;  // block numbers of small files start here

struct Options {
  std::string directory;
  uint64_t mebibytes = 256;
  uint64_t files = 5000;
  uint64_t operations = 1024;
  uint64_t seed = 1;

  std::string Big() const { return directory + "/big"; }
  std::string SmallDirectory(uint64_t number) const {
    return directory + "/small/d" + std::to_string(number / kFilesInDirectory);
  }
  std::string Small(uint64_t number) const {
    return SmallDirectory(number) + "/f" + std::to_string(number) + ".dat";
  }
  uint64_t BigBlocks() const { return mebibytes * (kChunk / kBlock); }
};

struct Amount {
  uint64_t bytes = 0;
  uint64_t operations = 0;
};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "workload: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

[[noreturn]] void FailPlainly(const std::string& what) {
  std::fprintf(stderr, "workload: %s\n", what.c_str());
  std::exit(1);
}

// splitmix64: the nth number of the sequence that starts at `seed`.
uint64_t Random(uint64_t seed, uint64_t n) {
  uint64_t x = seed + (n + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The bytes of every block, cheap enough to make while the clock runs: 4 MiB of random bytes again
// and again, which is beyond the windows of the usual compressors, and a stamp that makes each
// block, and each version of it, differ.
class Content {
 public:
  Content() : pattern_(kBlocksInPattern * kBlock / sizeof(uint64_t)) {
    for (size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = Random(0, i);
  }

  // `blocks` consecutive blocks within one pattern, stamped; valid until the next call.
  const void* At(uint64_t block, uint64_t blocks, uint64_t version) {
    uint64_t* first = Start(block);
    for (uint64_t i = 0; i < blocks; ++i) {
      uint64_t* stamp = first + i * kBlock / sizeof(uint64_t);
      stamp[0] = Random(version, block + i);
      stamp[1] = Random(~version, block + i);
    }
    return first;
  }

 private:
  uint64_t* Start(uint64_t block) {
    return pattern_.data() + block % kBlocksInPattern * (kBlock / sizeof(uint64_t));
  }
  std::vector<uint64_t> pattern_;
};

class File {
 public:
  File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags, 0644)) {
    if (fd_ < 0) Fail(path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0 && close(fd_) != 0) Fail(path_);
  }

  void WriteAt(const void* data, uint64_t size, uint64_t offset) {
    const ssize_t n = pwrite(fd_, data, size, static_cast<off_t>(offset));
    if (n != static_cast<ssize_t>(size)) Fail("write " + path_);
  }
  uint64_t ReadAt(void* data, uint64_t size, uint64_t offset) {
    const ssize_t n = pread(fd_, data, size, static_cast<off_t>(offset));
    if (n < 0) Fail("read " + path_);
    return static_cast<uint64_t>(n);
  }
  uint64_t ReadNext(void* data, uint64_t size) {
    const ssize_t n = read(fd_, data, size);
    if (n < 0) Fail("read " + path_);
    return static_cast<uint64_t>(n);
  }
  void Sync() {
    if (fsync(fd_) != 0) Fail("fsync " + path_);
  }

 private:
  const std::string path_;
  const int fd_;
};

Amount SequentialWrite(const Options& options, Content& content) {
  File file(options.Big(), O_WRONLY | O_CREAT | O_TRUNC);
  for (uint64_t i = 0; i < options.mebibytes; ++i) {
    file.WriteAt(content.At(i * (kChunk / kBlock), kChunk / kBlock, 0), kChunk, i * kChunk);
  }
  file.Sync();
  return {options.mebibytes * kChunk, options.mebibytes};
}

Amount SequentialRead(const Options& options, Content&) {
  File file(options.Big(), O_RDONLY);
  std::vector<char> buffer(kChunk);
  Amount amount;
  while (const uint64_t n = file.ReadNext(buffer.data(), buffer.size())) {
    amount.bytes += n;
    ++amount.operations;
  }
  if (amount.bytes != options.mebibytes * kChunk) FailPlainly(options.Big() + ": wrong size");
  return amount;
}

uint64_t RandomBlock(const Options& options, uint64_t operation) {
  return Random(options.seed, operation) % options.BigBlocks();
}

Amount RandomRead(const Options& options, Content&) {
  File file(options.Big(), O_RDONLY);
  std::vector<char> buffer(kBlock);
  for (uint64_t i = 0; i < options.operations; ++i) {
    file.ReadAt(buffer.data(), kBlock, RandomBlock(options, i) * kBlock);
  }
  return {options.operations * kBlock, options.operations};
}

// Block versions: seq-write makes version 0, random-write the version of its seed.
Amount RandomWrite(const Options& options, Content& content) {
  File file(options.Big(), O_RDWR);
  for (uint64_t i = 0; i < options.operations; ++i) {
    const uint64_t block = RandomBlock(options, i);
    file.WriteAt(content.At(block, 1, options.seed), kBlock, block * kBlock);
    if ((i + 1) % kOperationsForOneSync == 0) file.Sync();
  }
  file.Sync();
  return {options.operations * kBlock, options.operations};
}

void MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0) Fail(path);
}

Amount CreateFiles(const Options& options, Content& content) {
  MakeDirectory(options.directory + "/small");
  for (uint64_t i = 0; i < options.files; ++i) {
    if (i % kFilesInDirectory == 0) MakeDirectory(options.SmallDirectory(i));
    File file(options.Small(i), O_WRONLY | O_CREAT | O_EXCL);
    file.WriteAt(content.At(kFirstSmallFile + i, 1, 0), kBlock, 0);
  }
  return {options.files * kBlock, options.files};
}

Amount ReadFiles(const Options& options, Content&) {
  std::vector<char> buffer(128 * 1024);
  Amount amount;
  for (uint64_t i = 0; i < options.files; ++i) {
    File file(options.Small(i), O_RDONLY);
    while (const uint64_t n = file.ReadNext(buffer.data(), buffer.size())) amount.bytes += n;
    ++amount.operations;
  }
  if (amount.bytes != options.files * kBlock) FailPlainly("the small files have a wrong size");
  return amount;
}

// What `ls -l` does: each directory is listed, each name in it looked at.
Amount StatFiles(const Options& options, Content&) {
  Amount amount;
  for (uint64_t i = 0; i < options.files; i += kFilesInDirectory) {
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
  for (uint64_t i = 0; i < options.files; i += kFilesInDirectory) {
    if (rmdir(options.SmallDirectory(i).c_str()) != 0) Fail(options.SmallDirectory(i));
  }
  if (rmdir((options.directory + "/small").c_str()) != 0) Fail("small");
  return {0, options.files};
}

Amount DeleteBig(const Options& options, Content&) {
  if (unlink(options.Big().c_str()) != 0) Fail(options.Big());
  return {0, 1};
}

// With --operations 0 as seq-write left it, else as a random-write of that many did.
Amount VerifyBig(const Options& options, Content& content) {
  std::map<uint64_t, uint64_t> versions;
  for (uint64_t i = 0; i < options.operations; ++i) {
    versions[RandomBlock(options, i)] = options.seed;
  }
  File file(options.Big(), O_RDONLY);
  std::vector<char> buffer(kBlock);
  for (uint64_t block = 0; block < options.BigBlocks(); ++block) {
    const auto found = versions.find(block);
    const void* expected = content.At(block, 1, found == versions.end() ? 0 : found->second);
    if (file.ReadAt(buffer.data(), kBlock, block * kBlock) != kBlock ||
        std::memcmp(buffer.data(), expected, kBlock) != 0) {
      FailPlainly(options.Big() + ": block " + std::to_string(block) + " holds other bytes");
    }
  }
  if (file.ReadAt(buffer.data(), 1, options.BigBlocks() * kBlock) != 0) {
    FailPlainly(options.Big() + ": longer than it was written");
  }
  return {options.BigBlocks() * kBlock, options.BigBlocks()};
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
  return {options.files * kBlock, options.files};
}

struct Workload {
  const char* name;
  Amount (*run)(const Options&, Content&);
  const char* description;
};

constexpr Workload kWorkloads[] = {
    {"seq-write", SequentialWrite, "writes big in calls of 1 MiB, then fsync"},
    {"seq-read", SequentialRead, "reads big in calls of 1 MiB"},
    {"random-read", RandomRead, "reads 4 KiB blocks of big at random"},
    {"random-write", RandomWrite, "overwrites 4 KiB blocks of big, fsync every 32"},
    {"create", CreateFiles, "creates small files of 4 KiB"},
    {"read-files", ReadFiles, "reads each small file"},
    {"stat", StatFiles, "lists the small files and looks at each"},
    {"delete", DeleteFiles, "deletes the small files"},
    {"delete-big", DeleteBig, "deletes big"},
    {"verify-big", VerifyBig, "compares big with what was written"},
    {"verify-small", VerifySmall, "compares the small files with what was written"},
};

[[noreturn]] void Usage() {
  std::fprintf(stderr,
               "usage: workload NAME DIR [--size MIB] [--files N] [--operations N] [--seed N]\n");
  for (const Workload& workload : kWorkloads) {
    std::fprintf(stderr, "  %-13s %s\n", workload.name, workload.description);
  }
  std::exit(2);
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  const std::map<std::string, uint64_t*> numbers = {{"--size", &options.mebibytes},
                                                    {"--files", &options.files},
                                                    {"--operations", &options.operations},
                                                    {"--seed", &options.seed}};
  options.directory = argv[2];
  for (int i = 3; i + 1 < argc; i += 2) {
    const auto found = numbers.find(argv[i]);
    if (found == numbers.end()) Usage();
    char* end = nullptr;
    *found->second = std::strtoull(argv[i + 1], &end, 10);
    if (*end != '\0' || end == argv[i + 1]) Usage();
  }
  if (argc % 2 == 0 || options.mebibytes == 0 || options.files == 0) Usage();
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) Usage();
  const Options options = ParseOptions(argc, argv);
  for (const Workload& workload : kWorkloads) {
    if (std::strcmp(workload.name, argv[1]) != 0) continue;
    Content content;
    const auto begun = std::chrono::steady_clock::now();
    const Amount amount = workload.run(options, content);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
    std::printf(
        "{\"workload\":\"%s\",\"seconds\":%.6f,\"bytes\":%llu,"
        "\"operations\":%llu}\n",
        workload.name, spent.count(), static_cast<unsigned long long>(amount.bytes),
        static_cast<unsigned long long>(amount.operations));
    return 0;
  }
  Usage();
}
