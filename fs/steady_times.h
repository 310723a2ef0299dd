// SteadyTimes: what a document's times look like from the mount while its records are brought into
// place, and afterwards. That changes the stored file and not the document: a program that compares
// times before and after reading, as tar does, is not to find a change.
//
//   times.Begin(stat_before);  …apply…;  times.End(stat_after);
//   times.Show(attributes);    // of the stored file, before a program sees them
//
// Thread safe.
#ifndef RECRYPT_FS_STEADY_TIMES_H_
#define RECRYPT_FS_STEADY_TIMES_H_

#include <sys/stat.h>

#include <mutex>

namespace recrypt {

class SteadyTimes {
 public:
  void Begin(const struct stat& before) {
    std::lock_guard lock(mutex_);
    // Applied again without a change in between: the first time goes on being shown.
    if (!Covers(before.st_ctim)) {
      shown_changed_ = before.st_ctim;
      from_ = before.st_ctim;
    }
    shown_modified_ = before.st_mtim;
    applying_ = true;
  }

  void End(const struct stat& after) {
    std::lock_guard lock(mutex_);
    to_ = after.st_ctim;
    applying_ = false;
  }

  void Show(struct stat& attributes) const {
    std::lock_guard lock(mutex_);
    if (applying_) attributes.st_mtim = shown_modified_;
    if (applying_ || Covers(attributes.st_ctim)) attributes.st_ctim = shown_changed_;
  }

 private:
  static bool Before(const struct timespec& a, const struct timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
  }
  bool Covers(const struct timespec& changed) const {
    return Before(from_, changed) && !Before(to_, changed);
  }

  mutable std::mutex mutex_;  // guards what follows; innermost
  bool applying_ = false;
  struct timespec shown_changed_ = {};
  struct timespec shown_modified_ = {};
  struct timespec from_ = {};  // the stored file's times of change from which (not included) …
  struct timespec to_ = {};    // … to which are those of applying
};

}  // namespace recrypt

#endif  // RECRYPT_FS_STEADY_TIMES_H_
