#include "client/document_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "client/document_lock.h"
#include "client/stored_file_fd.h"
#include "core/jcd/provisional.h"
#include "core/jcd/stream.h"

namespace recrypt {
namespace {

constexpr size_t kChunk = 256 * 1024;
// Other encodings are read as a whole.
constexpr size_t kMaxWholeDocument = size_t{256} << 20;
// Of a file that is made from a stream, which has no mode to keep: its owner's alone.
constexpr mode_t kStreamedMode = 0600;

using ByteSource = std::function<Result<size_t>(MutableByteSpan)>;

void Report(const Progress& progress, uint64_t done) {
  if (progress) progress(done);
}

Result<std::shared_ptr<const Author>> AuthorOf(Access& access, const EncryptSpec& spec) {
  if (spec.signing == Signing::kUnsigned) return std::shared_ptr<const Author>();
  return access.AuthorFor(spec.expression);
}

Status Encrypt(Access& access, const EncryptSpec& spec, int in, const ByteSink& sink,
               const Progress& progress) {
  // Whether this device may write is known before anything is read.
  RECRYPT_ASSIGN(const std::shared_ptr<const Author> author, AuthorOf(access, spec));
  RECRYPT_ASSIGN(NewDocument document, access.Create(spec.expression, spec.name));
  StreamEncryptor encryptor(std::move(document.header.region), std::move(document.keys), sink);
  Bytes buffer(kChunk);
  uint64_t done = 0;
  while (true) {
    RECRYPT_ASSIGN(const size_t got, ReadFromDescriptor(in, buffer));
    if (got == 0) break;
    RECRYPT_TRY(encryptor.Write(ByteSpan(buffer).first(got)));
    done += got;
    Report(progress, done);
  }
  Wipe(buffer);
  return encryptor.Finish(author.get());
}

// Opens headers by grants, and keeps what the caller wants to know of them.
struct Opener {
  Access& access;
  Decrypted& about;

  Result<OpenedDocument> operator()(const Header& header) const {
    RECRYPT_ASSIGN(OpenedKeys opened, access.Open(header, GrantUse::kOpen));
    about.name = opened.name;
    about.expression = header.expression;
    return OpenedDocument{{header.uid, opened.name, "", std::move(opened.keys.keys)},
                          std::move(opened.trust)};
  }
};

Result<Bytes> ReadRest(int in, Bytes start) {
  Bytes buffer(kChunk);
  while (start.size() <= kMaxWholeDocument) {
    RECRYPT_ASSIGN(const size_t got, ReadFromDescriptor(in, buffer));
    if (got == 0) return start;
    Append(start, ByteSpan(buffer).first(got));
  }
  return Fail(ErrorCode::kInvalid,
              "a document in this encoding is read as a whole, and it is "
              "larger than 256 MiB");
}

Result<Decrypted> DecryptWhole(Access& access, const Clock& clock, const Bytes& stored,
                               const ByteSink& sink) {
  Decrypted about;
  RECRYPT_ASSIGN(Bytes content,
                 ReadWholeDocument(stored, Opener{access, about}, clock.NowSeconds()));
  about.size = content.size();
  Status written = sink(content);
  Wipe(content);
  if (!written) return Fail(std::move(written.error()));
  return about;
}

Result<OpenedFile> OpenWith(Access& access, const Clock& clock,
                            const std::shared_ptr<StoredFile>& file, const Header& header) {
  RECRYPT_ASSIGN(OpenedKeys opened, access.Open(header, GrantUse::kOpen));
  RECRYPT_ASSIGN(std::unique_ptr<Document> document,
                 Document::Open(file, std::move(opened.keys), opened.trust, clock.NowSeconds()));
  Decrypted about{std::move(opened.name), header.expression, document->GetAuthorship(),
                  document->Size()};
  return OpenedFile{std::move(document), std::move(about)};
}

struct InputFile {
  UniqueFd fd;
  struct stat info {};
};

Result<InputFile> OpenInput(const std::string& path) {
  InputFile input{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), {}};
  if (!input.fd) return FailErrno(errno, "opening " + path);
  if (::fstat(input.fd.get(), &input.info) != 0) return FailErrno(errno, "reading " + path);
  if (S_ISDIR(input.info.st_mode)) {
    return Fail(ErrorCode::kInvalid, path + " is a directory");
  }
  return input;
}

// The binary layout begins with this; `[ {` and the like are other encodings.
bool LooksBinary(StoredFile& file) {
  constexpr std::string_view kStart = R"([{"jcd":)";
  uint8_t first[kStart.size()];
  const auto got = file.ReadAt(0, first);
  return got && AsText({first, *got}) == kStart;
}

Result<Decrypted> Decrypt(Access& access, const Clock& clock, int in, const ByteSink& to,
                          const Progress& progress) {
  Decrypted about;
  uint64_t released = 0;
  const ByteSink sink = [&](ByteSpan data) -> Status {
    released += data.size();
    Report(progress, released);
    return to(data);
  };
  StreamDecryptor decryptor(Opener{access, about}, clock.NowSeconds(), sink);
  Bytes buffer(kChunk);
  Bytes start;
  while (true) {
    RECRYPT_ASSIGN(const size_t got, ReadFromDescriptor(in, buffer));
    if (got == 0) break;
    const ByteSpan data = ByteSpan(buffer).first(got);
    auto taken = decryptor.Write(data);
    const bool before_header = decryptor.wrapper() == nullptr;
    if (before_header && start.size() <= kChunk) Append(start, data);
    if (!taken && before_header && taken.error().code == ErrorCode::kInvalid) {
      RECRYPT_ASSIGN(const Bytes stored, ReadRest(in, std::move(start)));
      return DecryptWhole(access, clock, stored, sink);
    }
    if (!taken) return Fail(std::move(taken.error()));
  }
  RECRYPT_TRY(decryptor.Finish());
  about.authorship = decryptor.authorship();
  about.size = released;
  return about;
}

ByteSink IntoStream(int fd) {
  return [fd](ByteSpan data) { return WriteToDescriptor(fd, data); };
}
ByteSink Into(OutputFile& file) {
  return [&file](ByteSpan data) { return file.Write(data); };
}

PutAt Into(int fd) {
  return [fd](uint64_t at, ByteSpan data) { return WriteToFile(fd, at, data); };
}

// In another encoding, as a whole.
Result<Decrypted> DecryptOther(Access& access, const Clock& clock, StoredFile& file, uint64_t size,
                               OutputFile& output) {
  Bytes stored(size);
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(0, stored));
  stored.resize(got);
  return DecryptWhole(access, clock, stored, Into(output));
}

Result<Decrypted> DecryptStored(Access& access, const Clock& clock,
                                const std::shared_ptr<FdStoredFile>& file,
                                const FileOptions& options, OutputFile& output,
                                const Progress& progress) {
  RECRYPT_ASSIGN(const uint64_t size, file->Size());
  if (size == 0) return Decrypted{};
  auto opened = OpenStored(access, clock, file);
  if (opened) {
    DocumentContent content(*opened->document);
    RECRYPT_TRY(CopyContent(content, Into(output.fd()), progress));
    if (::ftruncate(output.fd(), static_cast<off_t>(content.size())) != 0) {
      return FailErrno(errno, "writing");
    }
    if (options.keep == Keep::kMode) return std::move(opened->about);
    const auto attributes = OwnAttributes(*opened->document, file->fd());
    if (attributes) {
      RECRYPT_TRY(SetUserAttributes(output.fd(), *attributes));
    } else {
      opened->about.lost_attributes = attributes.error();
    }
    return std::move(opened->about);
  }
  // A pure-JSON document starts alike: only reading it as a whole tells.
  const bool unparsed = opened.error().code == ErrorCode::kInvalid ||
                        opened.error().code == ErrorCode::kCorrupt || !LooksBinary(*file);
  if (!unparsed || size > kMaxWholeDocument) return Fail(std::move(opened.error()));
  auto whole = DecryptOther(access, clock, *file, size, output);
  if (!whole && LooksBinary(*file)) return Fail(std::move(opened.error()));
  return whole;
}

}  // namespace

// What one header does not open, because it is damaged or of another state, the next one may.
Result<OpenedFile> OpenStored(Access& access, const Clock& clock,
                              const std::shared_ptr<StoredFile>& file) {
  RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(*file));
  Error failure{ErrorCode::kCorrupt, "the file is no document", 0};
  for (const Bytes& region : regions) {
    auto header = ParseHeader(region);
    if (!header) {
      failure = std::move(header.error());
      continue;
    }
    auto opened = OpenWith(access, clock, file, *header);
    if (opened) return opened;
    failure = std::move(opened.error());
    if (failure.code != ErrorCode::kStale && failure.code != ErrorCode::kCorrupt) break;
  }
  return Fail(std::move(failure));
}

Status EncryptStream(Access& access, const EncryptSpec& spec, int in, int out,
                     const Progress& progress) {
  return Encrypt(access, spec, in, IntoStream(out), progress);
}

Result<Decrypted> DecryptStream(Access& access, const Clock& clock, int in, int out,
                                const Progress& progress) {
  return Decrypt(access, clock, in, IntoStream(out), progress);
}

Status EncryptStreamToFile(Access& access, const EncryptSpec& spec, int in, const std::string& to,
                           Overwrite overwrite, const Progress& progress) {
  RECRYPT_ASSIGN(OutputFile output, OutputFile::Make(to, overwrite));
  RECRYPT_TRY(Encrypt(access, spec, in, Into(output), progress));
  return output.Commit(kStreamedMode);
}

Result<Decrypted> DecryptStreamToFile(Access& access, const Clock& clock, int in,
                                      const std::string& to, Overwrite overwrite,
                                      const Progress& progress) {
  RECRYPT_ASSIGN(OutputFile output, OutputFile::Make(to, overwrite));
  RECRYPT_ASSIGN(Decrypted decrypted, Decrypt(access, clock, in, Into(output), progress));
  RECRYPT_TRY(output.Commit(kStreamedMode));
  return decrypted;
}

Status EncryptFile(Access& access, const EncryptSpec& spec, const std::string& from,
                   const std::string& to, Overwrite overwrite, const Progress& progress) {
  RECRYPT_ASSIGN(const InputFile input, OpenInput(from));
  RECRYPT_ASSIGN(OutputFile output, OutputFile::Make(to, overwrite));
  // What the system makes up as it is read, in /proc for one, has no size.
  if (S_ISREG(input.info.st_mode) && input.info.st_size > 0) {
    RECRYPT_TRY(WriteNewDocument(access, spec, input.fd.get(),
                                 static_cast<uint64_t>(input.info.st_size), {}, output.fd(),
                                 progress));
  } else {
    RECRYPT_TRY(Encrypt(access, spec, input.fd.get(), Into(output), progress));
  }
  return output.Commit(input.info.st_mode);
}

Result<NewDocument> WriteNewDocument(Access& access, const EncryptSpec& spec, int in, uint64_t size,
                                     const Attributes& attributes, int to,
                                     const Progress& progress) {
  RECRYPT_ASSIGN(const std::shared_ptr<const Author> author, AuthorOf(access, spec));
  RECRYPT_ASSIGN(NewDocument made, access.Create(spec.expression, spec.name));
  UniqueFd own(::fcntl(to, F_DUPFD_CLOEXEC, 0));
  if (!own) return FailErrno(errno, "writing");
  const auto file = std::make_shared<FdStoredFile>(std::move(own));
  const auto document = Document::Create(file, made.header.region, made.keys.Clone());
  if (document == nullptr) return Fail(ErrorCode::kInvalid, "no document can be made");
  FileContent content(in, size);
  const auto put = [&](uint64_t at, ByteSpan data) -> Status {
    RECRYPT_TRY(document->Write(at, data));
    if (document->DirtyBytes() <= kMaxDirtyBytes) return {};
    RECRYPT_TRY(document->Commit(author.get(), Durability::kVisible));
    return document->Apply();
  };
  RECRYPT_TRY(CopyContent(content, put, progress));
  if (document->Size() != size) RECRYPT_TRY(document->Truncate(size));
  if (!attributes.empty()) {
    RECRYPT_ASSIGN(const Bytes sealed, document->SealAttributes(attributes));
    RECRYPT_TRY(SetXattr(to, SealedAttributesName(Sha256(sealed)), sealed));
    document->SetAttributes(Sha256(sealed));
  }
  RECRYPT_TRY(document->Commit(author.get(), Durability::kVisible));
  if (document->HasRecords()) RECRYPT_TRY(document->Apply());
  RECRYPT_TRY(ConfirmDurable(*file));
  return made;
}

Result<Attributes> OwnAttributes(const Document& document, int fd) {
  const Sha256Digest digest = document.AttributesDigest();
  if (digest == Sha256Digest{}) return Attributes();
  RECRYPT_ASSIGN(const Bytes sealed, ReadSealedAttributes(fd, digest));
  return document.OpenAttributes(sealed);
}

Result<Decrypted> DecryptFile(Access& access, const Clock& clock, const std::string& from,
                              const std::string& to, const FileOptions& options,
                              const Progress& progress) {
  RECRYPT_ASSIGN(InputFile input, OpenInput(from));
  RECRYPT_TRY(WaitUntilCreated(input.fd.get()));
  const auto file = std::make_shared<FdStoredFile>(std::move(input.fd));
  RECRYPT_ASSIGN(OutputFile output, OutputFile::Make(to, options.overwrite, options.sync));
  RECRYPT_ASSIGN(Decrypted decrypted,
                 DecryptStored(access, clock, file, options, output, progress));
  if (options.keep == Keep::kMode) {
    RECRYPT_TRY(output.Commit(input.info.st_mode));
    return decrypted;
  }
  RECRYPT_ASSIGN(decrypted.owner, CopyMetadata(file->fd(), input.info, output.fd()));
  RECRYPT_TRY(output.Sync());
  RECRYPT_TRY(output.TakeName());
  RECRYPT_TRY(output.SyncName());
  return decrypted;
}

Result<bool> HoldsTheSame(Access& access, const Clock& clock, const std::string& stored,
                          const std::string& plain, const Progress& progress) {
  RECRYPT_ASSIGN(InputFile document, OpenInput(stored));
  RECRYPT_ASSIGN(const InputFile other, OpenInput(plain));
  if (document.info.st_size == 0) return other.info.st_size == 0;
  const auto file = std::make_shared<FdStoredFile>(std::move(document.fd));
  RECRYPT_ASSIGN(const OpenedFile opened, OpenStored(access, clock, file));
  DocumentContent one(*opened.document);
  FileContent two(other.fd.get(), static_cast<uint64_t>(other.info.st_size));
  return SameContent(one, two, progress);
}

void BringGrants(BroughtGrants& grants, std::span<const std::string> stored) {
  std::vector<Header> headers;
  for (const std::string& path : stored) {
    auto header = ReadHeader(path);
    if (header) headers.push_back(std::move(*header));
  }
  std::vector<const Header*> asked;
  for (const Header& header : headers) asked.push_back(&header);
  grants.Bring(asked);
}

Result<Header> FirstHeader(StoredFile& file) {
  RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(file));
  Error failure{ErrorCode::kCorrupt, "it is no document", 0};
  for (const Bytes& region : regions) {
    auto header = ParseHeader(region);
    if (header) return header;
    failure = std::move(header.error());
  }
  return Fail(std::move(failure));
}

Result<Header> ReadHeader(const std::string& path) {
  RECRYPT_ASSIGN(InputFile input, OpenInput(path));
  FdStoredFile file(std::move(input.fd));
  auto header = FirstHeader(file);
  if (!header) return Fail(header.error(), path);
  return header;
}

}  // namespace recrypt
