// Repairing stored documents, as far as that takes no guessing (DESIGN 6).
//
//   RECRYPT_ASSIGN(Repair repair, RepairDocument(spec, checked, "/srv/share/.recryptfs/…/a.jcd"));
//   if (repair.done.empty()) ... repair.why_not ...
//
// Under the document's exclusive lock, from what was verified under its keys: commit records are
// brought into place, what an unfinished commit left behind the end is cut off, the framing, and
// index blocks whose hash is known, are written again. A file that was never
// committed becomes empty.
// Before that the whole stored file is copied, durably; when it cannot be, nothing is changed. A
// crash at any point leaves the document as it was or as it will be. Thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_REPAIR_H_
#define RECRYPT_CLIENT_DOCUMENT_REPAIR_H_

#include "client/document_check.h"

namespace recrypt {

struct Repair {
  std::vector<std::string> done;
  std::string copy;     // where the copy is; empty when nothing was to be done
  std::string why_not;  // when nothing was
};

// `checked` is what a check has just found. The copy goes to `copy_to`, or beside it under another
// name when that is taken; missing directories are made. kBusy when somebody writes the document.
Result<Repair> RepairDocument(const CheckSpec& spec, const CheckedDocument& checked,
                              const std::string& copy_to);

// A durable copy of the file behind `fd`, holes and mode included, under the first free name of
// `to`, `to`.1, `to`.2 …; that name.
Result<std::string> CopyDurably(int fd, const std::string& to);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_REPAIR_H_
