// Failures: what failed of many, said as it fails, and as one error at the end.
//
//   Failures failures(context.out, "failed, see above");
//   failures.Add(path, error);
//   return failures.Close(files);   // "3 of 120 failed, see above"
//
// Of more than a hundred the number says enough. Not thread safe.
#ifndef RECRYPT_CLI_FAILURES_H_
#define RECRYPT_CLI_FAILURES_H_

#include <optional>
#include <string>

#include "cli/output.h"

namespace recrypt {

class Failures {
 public:
  Failures(Output& out, std::string what_of_them)
      : out_(out), what_of_them_(std::move(what_of_them)) {}

  void Add(const std::string& path, const Error& error);
  uint64_t count() const { return count_; }
  // kIo, saying what to do, once one of them was that the disk is full: all that follow would fail.
  Status StopIfDiskIsFull() const;
  // With the code of the first, when there was one; `of` is how many there were in all.
  Status Close(uint64_t of) const;

 private:
  Output& out_;
  const std::string what_of_them_;
  uint64_t count_ = 0;
  std::optional<Error> first_;
  std::optional<Error> full_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_FAILURES_H_
