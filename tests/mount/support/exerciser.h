// Exerciser: random operations on one document of a mount, or of several mounts of one share,
// against a string that holds what the document should hold; in the manner of fsx.
//
//   Exerciser exerciser({.seed = 7, .paths = {mount / "f"}});
//   exerciser.Run(10'000);
//
// After each operation the size is compared, now and then the whole content. What disagrees fails
// the test: with the seed and the last operations, and with content and model kept in files that it
// names. With several paths the operations go on through another of them after everything was
// closed (close-to-open). All that is written is other than zero, so that data which is lost, or
// reported as a hole, shows. One thread.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_EXERCISER_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_EXERCISER_H_

#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"

namespace recrypt {

struct ExerciserOptions {
  uint64_t seed = 1;
  std::vector<std::string> paths;  // of the document in each mount
  size_t max_size = 300'000;
  size_t max_length = 70'000;  // of a single operation
  // Mounts that side anew, when nothing is open; it is not done when empty.
  std::function<void(size_t side)> remount = {};
};

class Exerciser {
 public:
  explicit Exerciser(ExerciserOptions options);
  ~Exerciser();

  // Makes the document, empty, and as many operations. Fails the test at the first disagreement.
  void Run(int steps);
  const std::string& model() const { return model_; }

 private:
  struct Operation {
    int weight;
    void (Exerciser::*run)();
  };
  static const std::vector<Operation>& Operations();

  void Write();
  void WriteVector();
  void Append();
  void WriteDirect();
  void Read();
  void ReadVector();
  void ReadDirect();
  void Truncate();
  void WriteMapped();
  void ReadMapped();
  void WritePrivately();
  void Punch();
  void ZeroRange();
  void Allocate();
  void CopyRange();
  void CopyElsewhere();
  void SeekData();
  void SeekHole();
  void Sync();
  void DropCaches();
  void Reopen();
  void Save();
  void StartOver();
  void Switch();
  void Remount();
  void CompareAll();

  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }
  size_t Offset();
  size_t Length();
  std::string Data(size_t size);

  const std::string& path() const { return options_.paths[side_]; }
  int fd();                    // the document, opened when it is not
  int Other(int flags);        // likewise by a descriptor with these flags besides
  char* Mapping(size_t size);  // shared
  void CloseAll();
  void Put(size_t offset, const std::string& data);
  void Zeroes(size_t offset, size_t length);
  void Compare(const std::string& got, size_t offset, size_t asked);
  void CheckSize();

  void Note(const std::string& what);
  // Throws unless `result` is `wanted`.
  void Expect(ssize_t result, ssize_t wanted, const char* what);
  [[noreturn]] void Disagree(const std::string& what);
  std::string KeepFiles();

  const ExerciserOptions options_;
  std::mt19937_64 random_;
  std::string model_;
  size_t side_ = 0;
  int step_ = 0;
  std::deque<std::string> notes_;  // the last operations

  UniqueFd fd_, append_fd_, direct_fd_;
  char* mapping_ = nullptr;  // of options_.max_size bytes
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_EXERCISER_H_
