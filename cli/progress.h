// ProgressLine: how far a long piece of work is, on standard error when that is a terminal, from
// the first second on; gone when the object dies.
//
//   ProgressLine line("report.odt", size);
//   EncryptFile(…, [&](uint64_t done) { line.Update(done); });
//
// Not thread safe.
#ifndef RECRYPT_CLI_PROGRESS_H_
#define RECRYPT_CLI_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace recrypt {

enum class ProgressUnit { kBytes, kPieces };

class ProgressLine {
 public:
  // `total` in the unit, if known.
  ProgressLine(std::string name, std::optional<uint64_t> total,
               ProgressUnit unit = ProgressUnit::kBytes);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Update(uint64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string Amount(uint64_t of) const;

  const std::string name_;
  const std::optional<uint64_t> total_;
  const ProgressUnit unit_;
  const bool on_terminal_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point shown_ = begun_;
  bool visible_ = false;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_PROGRESS_H_
