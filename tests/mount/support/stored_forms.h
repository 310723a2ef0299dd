// Stored forms: what the stored file of a document was at each of its commits. They say what a
// reader may get from a file that somebody has tampered with: bytes of a state that the file still
// holds whole, as far as they were read.
//
//   std::vector<StoredForm> forms;
//   forms.push_back(MakeForm("a", 0, stored, stored, content));
//   EXPECT_EQ(WhyWrong(reading, tampered, forms), "");
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_STORED_FORMS_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_STORED_FORMS_H_

#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace recrypt {

struct StoredRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct StoredForm {
  std::string document;
  int state = 0;  // number of the commit
  Bytes stored;
  Bytes content;

  // What a reader has to find as it was committed: for the size; for any byte; for any of a group;
  // for those of a block. Absent where records replace it, or where there is a hole.
  std::vector<StoredRange> always;
  std::vector<std::optional<StoredRange>> index;
  std::vector<std::optional<StoredRange>> tables;
  std::vector<std::optional<StoredRange>> blocks;
};

// `settled` is the same state without records: what applying them makes of `stored`.
StoredForm MakeForm(std::string document, int state, Bytes stored, const Bytes& settled,
                    Bytes content);

// What a reader got, block by block.
struct Reading {
  int open_errno = 0;         // then there is nothing else
  uint64_t size = 0;          // where reading ends
  uint64_t size_at_open = 0;  // as stat says before anything is read, and after that
  uint64_t shown_size = 0;
  Bytes bytes = {};
  std::vector<int> errors = {};  // of each block; its bytes have no meaning then

  bool WasRead(size_t block) const { return errors[block] == 0; }
  bool complete() const;
};

// Whether the reading can be of this form: the right size, and exact bytes where there are any.
bool IsOf(const Reading& reading, const StoredForm& form);
// Whether `stored` holds of the form all that the reading took from it.
bool Holds(const Bytes& stored, const StoredForm& form, const Reading& reading);

// A file that is empty, or may be what a power cut has left of one that was being created
// (core/jcd/provisional.h), reads as an empty one.
bool IsUnwritten(const Bytes& stored);

// Why the reading of `stored` is not exact or EIO; empty when it is.
std::string WhyWrong(const Reading& reading, const Bytes& stored,
                     const std::vector<StoredForm>& forms);
// The same of a mount that saw `newest`: what it still knows of that may be read whatever the file
// holds by now, and no older state of the same document may.
std::string WhyWrong(const Reading& reading, const Bytes& stored,
                     const std::vector<StoredForm>& forms, const StoredForm& newest);

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_STORED_FORMS_H_
