// What the files of the program `workload` share: its options, its content, and a file that fails
// loudly. One thread each; nothing here is checked while the clock runs.
#ifndef RECRYPT_BENCH_WORKLOAD_H_
#define RECRYPT_BENCH_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kChunk = uint64_t{1} << 20;
constexpr uint64_t kBlocksInPattern = 1024;
constexpr uint64_t kOperationsForOneSync = 32;
constexpr uint64_t kParts = 4;  // files, and processes, of par-write and par-read
// Where the block numbers of files other than big start.
constexpr uint64_t kFirstOfParts = uint64_t{1} << 32;
constexpr uint64_t kFirstOfCalls = uint64_t{1} << 39;
constexpr uint64_t kFirstSmallFile = uint64_t{1} << 40;

struct Options {
  std::string directory;
  std::string lock;  // the mount to be locked before open-one
  uint64_t mebibytes = 256;
  uint64_t files = 5000;
  uint64_t in_directory = 500;  // files in each directory
  uint64_t operations = 1024;
  uint64_t seed = 1;

  std::string Big() const { return directory + "/big"; }
  std::string Part(uint64_t number) const { return directory + "/part" + std::to_string(number); }
  std::string Calls() const { return directory + "/calls"; }
  std::string Database() const { return directory + "/base.sqlite"; }
  std::string SmallDirectory(uint64_t number) const {
    return directory + "/small/d" + std::to_string(number / in_directory);
  }
  std::string Small(uint64_t number) const {
    return SmallDirectory(number) + "/f" + std::to_string(number) + ".dat";
  }
  uint64_t BigBlocks() const { return mebibytes * (kChunk / kBlock); }
};

struct Amount {
  uint64_t bytes = 0;
  uint64_t operations = 0;
  double seconds = 0;  // where the workload took the time itself, leaving something out
  std::vector<double> latencies = {};  // seconds, of each operation, where they were asked for
};

[[noreturn]] void Fail(const std::string& what);  // with errno's text
[[noreturn]] void FailPlainly(const std::string& what);

// splitmix64: the nth number of the sequence that starts at `seed`.
uint64_t Random(uint64_t seed, uint64_t n);
// Of some fixed start; for differences.
double Seconds();

// The bytes of every block, cheap enough to make while the clock runs: 4 MiB of random bytes again
// and again, which is beyond the windows of the usual compressors, and a stamp that makes each
// block, and each version of it, differ.
class Content {
 public:
  Content();
  // `blocks` consecutive blocks within one pattern, stamped; valid until the next call.
  const void* At(uint64_t block, uint64_t blocks, uint64_t version);

 private:
  uint64_t* Start(uint64_t block) {
    return pattern_.data() + block % kBlocksInPattern * (kBlock / sizeof(uint64_t));
  }
  std::vector<uint64_t> pattern_;
};

class File {
 public:
  File(const std::string& path, int flags);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  void WriteAt(const void* data, uint64_t size, uint64_t offset);
  uint64_t ReadAt(void* data, uint64_t size, uint64_t offset);
  uint64_t ReadNext(void* data, uint64_t size);
  void Sync();
  void DropPages();

 private:
  const std::string path_;
  const int fd_;
};

struct Workload {
  const char* name;
  Amount (*run)(const Options&, Content&);
  const char* description;
};

// workload_big.cc, workload_small.cc, workload_sqlite.cc
const std::vector<Workload>& BigWorkloads();
const std::vector<Workload>& SmallWorkloads();
const std::vector<Workload>& DatabaseWorkloads();

}  // namespace bench

#endif  // RECRYPT_BENCH_WORKLOAD_H_
