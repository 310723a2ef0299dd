// Encrypting and decrypting single documents outside of a mount: files and streams.
//
//   RECRYPT_TRY(EncryptFile(access, {expression}, "a.txt", "a.txt.jcd", Overwrite::kRefuse));
//   RECRYPT_ASSIGN(auto done, DecryptFile(access, clock, "a.jcd", "a", Overwrite::kRefuse));
//
// Output to a file goes to a temporary one beside it, which takes the name once all of it is good
// and durable: what fails leaves nothing behind. Thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_FILES_H_
#define RECRYPT_CLIENT_DOCUMENT_FILES_H_

#include <string>

#include "client/access.h"
#include "client/brought_grants.h"
#include "client/content.h"
#include "client/file_attributes.h"
#include "client/output_file.h"
#include "core/base/clock.h"

namespace recrypt {

enum class Signing { kAuthor, kUnsigned };

struct EncryptSpec {
  LabelExpression expression;
  std::string name;                    // put into the document; empty: none
  Signing signing = Signing::kAuthor;  // kAuthor: kDenied when no label lets this device write
};

struct Decrypted {
  std::string name;  // from the document, may be empty
  LabelExpression expression;
  Authorship authorship;
  uint64_t size = 0;
  // Why the extended attributes that it has were left behind, when they were asked for.
  std::optional<Error> lost_attributes = std::nullopt;
  OwnerKept owner = OwnerKept::kYes;
};

// From the descriptor's position to its end; neither needs to be seekable.
Status EncryptStream(Access& access, const EncryptSpec& spec, int in, int out,
                     const Progress& progress = {});
// Releases content as it verifies; kCorrupt when the stream turns out to be cut or damaged.
Result<Decrypted> DecryptStream(Access& access, const Clock& clock, int in, int out,
                                const Progress& progress = {});

// The same into a file, under the promise above.
Status EncryptStreamToFile(Access& access, const EncryptSpec& spec, int in, const std::string& to,
                           Overwrite overwrite, const Progress& progress = {});
Result<Decrypted> DecryptStreamToFile(Access& access, const Clock& clock, int in,
                                      const std::string& to, Overwrite overwrite,
                                      const Progress& progress = {});

// What of a file goes along besides its content.
enum class Keep {
  kMode,
  kAll,  // owner as far as permitted, ACLs, extended attributes, times
};

struct FileOptions {
  Overwrite overwrite = Overwrite::kRefuse;
  Keep keep = Keep::kMode;
  SharedSync* sync = nullptr;  // of many at a time; may be null
};

// kExists when `to` is there and may not be replaced. Holes stay holes. The mode of `from` is kept.
Status EncryptFile(Access& access, const EncryptSpec& spec, const std::string& from,
                   const std::string& to, Overwrite overwrite, const Progress& progress = {});
// Reads documents with commit records behind them, and the other encodings, too.
Result<Decrypted> DecryptFile(Access& access, const Clock& clock, const std::string& from,
                              const std::string& to, const FileOptions& options,
                              const Progress& progress = {});

// Whether `plain` holds what the document does; its attributes are not looked at.
Result<bool> HoldsTheSame(Access& access, const Clock& clock, const std::string& stored,
                          const std::string& plain, const Progress& progress = {});

// Asks for the grants of these documents at once; those that cannot be read are passed over.
void BringGrants(BroughtGrants& grants, std::span<const std::string> stored);

// -- The steps of these, for who does more with a document.
// Puts the content of the plain file behind `in`, `size` bytes, and these attributes into a new
// document in the empty file `to`, complete and not yet durable. For files that nobody knows by a
// name yet: it is not left provisional. What it was made with.
Result<NewDocument> WriteNewDocument(Access& access, const EncryptSpec& spec, int in, uint64_t size,
                                     const Attributes& attributes, int to,
                                     const Progress& progress = {});
// Random access to a document of the binary layout, by the first of its headers that opens it.
struct OpenedFile {
  std::unique_ptr<Document> document;
  Decrypted about;
};
Result<OpenedFile> OpenStored(Access& access, const Clock& clock,
                              const std::shared_ptr<StoredFile>& file);
// The document's own attributes, which stand beside what is behind `fd`; kCorrupt when they do not.
Result<Attributes> OwnAttributes(const Document& document, int fd);

// The header of a stored document, for `inspect`.
Result<Header> ReadHeader(const std::string& path);
// The newest header that parses: the others may be half written.
Result<Header> FirstHeader(StoredFile& file);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_FILES_H_
