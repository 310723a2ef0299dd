// SteadyChangeOf: a time of change by which the next change can be told.
//
// Times are coarse: what changed a moment ago may change once more without another time. So only a
// time that is a while ago tells, on a local file system, that nothing has changed since.
#ifndef RECRYPT_FS_STEADY_CHANGE_H_
#define RECRYPT_FS_STEADY_CHANGE_H_

#include <sys/stat.h>

#include <cstdint>
#include <ctime>

namespace recrypt {

inline int64_t NanosOf(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// In nanoseconds since 1970; 0 when it tells nothing yet. `stat` is of now.
inline int64_t SteadyChangeOf(const struct stat& stat) {
  constexpr int64_t kCoarseNs = 1'000'000'000;  // more than those of a local file system are
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t changed = NanosOf(stat.st_ctim);
  return NanosOf(now) - changed > kCoarseNs ? changed : 0;
}

// Whether nothing has changed since a time that SteadyChangeOf returned.
inline bool IsUnchangedSince(int64_t steady, const struct stat& stat) {
  return steady != 0 && steady == NanosOf(stat.st_ctim);
}

}  // namespace recrypt

#endif  // RECRYPT_FS_STEADY_CHANGE_H_
