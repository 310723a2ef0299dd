// Notes: what one device leaves for another that knows the id, which is as good as a password:
// sealed content between devices that have no other way to one another yet (docs/PROTOCOL.md, 3).
//
//   RECRYPT_TRY(notes.Add({id, device, content, expires}, now));
//   RECRYPT_ASSIGN(std::string content, notes.Find(id, now));
//
// In memory, as sessions are: they live for minutes, and who left one leaves it again. Their number
// and their size are bounded. Thread safe.
#ifndef RECRYPT_SERVICE_NOTES_H_
#define RECRYPT_SERVICE_NOTES_H_

#include <map>
#include <mutex>
#include <string>

#include "core/base/result.h"

namespace recrypt {

struct Note {
  std::string id;
  std::string device;  // who left it
  std::string content;
  int64_t expires = 0;
};

class Notes {
 public:
  // kExists when another one of that id was left before, expired ones included; kInvalid for one of
  // more than 64 KiB or a day; kQuota for more than 64 of a device; kBusy for more than 10,000.
  Status Add(Note note, int64_t now);
  // kNotFound when there is none, kStale when it has expired.
  Result<std::string> Find(const std::string& id, int64_t now) const;

 private:
  void Forget(int64_t now);  // with mutex_ held

  mutable std::mutex mutex_;  // guards notes_
  std::map<std::string, Note> notes_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_NOTES_H_
