// ProgressLine: how far a long piece of work is, on standard error, from the first second on: on a
// terminal a bar, which is gone when the object dies; elsewhere a plain line now and then, for a
// log.
//
//   ProgressLine line(context.out, "report.odt", size);
//   EncryptFile(…, [&](uint64_t done) { line.Update(done); });
//
// Thread safe.
#ifndef RECRYPT_CLI_PROGRESS_H_
#define RECRYPT_CLI_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>

#include "cli/output.h"

namespace recrypt {

enum class ProgressUnit { kBytes, kPieces };
// What takes the time of so many files with so many bytes in all: where they are small, each of
// them.
ProgressUnit UnitFor(uint64_t files, uint64_t bytes);

// Where it is shown, and by which clock.
struct ProgressPlace {
  enum class Kind { kTerminal, kLog, kNowhere };

  // Standard error; nowhere when that is no terminal and `out` is JSON.
  static ProgressPlace StandardError(const Output& out);

  Kind kind;
  std::ostream* to;  // never null
  std::function<int64_t()> now_ms;
};

class ProgressLine {
 public:
  // `total` in the unit, if known.
  ProgressLine(const Output& out, std::string name, std::optional<uint64_t> total,
               ProgressUnit unit = ProgressUnit::kBytes)
      : ProgressLine(ProgressPlace::StandardError(out), std::move(name), total, unit) {}
  ProgressLine(ProgressPlace place, std::string name, std::optional<uint64_t> total,
               ProgressUnit unit);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // So much is done in all; so much more.
  void Update(uint64_t done);
  void Add(uint64_t more);
  // Takes the bar away until the next call, for a line of something else.
  void Hide();

 private:
  std::string Amount(uint64_t of) const;
  std::string Text(int64_t passed_ms) const;
  std::string Bar() const;
  void Show();

  const ProgressPlace place_;
  const std::string name_;
  const std::optional<uint64_t> total_;
  const ProgressUnit unit_;
  const int64_t begun_ms_;
  std::mutex mutex_;  // guards all below; innermost
  uint64_t done_ = 0;
  int64_t next_ms_;  // when to show it again
  bool visible_ = false;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_PROGRESS_H_
