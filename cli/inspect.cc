// recryptfs inspect: what a stored document tells without any key. Nothing here is authenticated.
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/document_files.h"
#include "client/document_lock.h"
#include "client/stored_file_fd.h"
#include "core/jcd/bound_header.h"
#include "core/jcd/record.h"

namespace recrypt {
namespace {

Result<std::unique_ptr<StoredFile>> OpenStored(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!fd || fstat(fd.get(), &about) != 0) return FailErrno(errno, path);
  if (!S_ISREG(about.st_mode)) return Fail(ErrorCode::kInvalid, path + " is no regular file");
  RECRYPT_TRY(WaitUntilCreated(fd.get()));
  return std::make_unique<FdStoredFile>(std::move(fd));
}

struct Geometry {
  uint64_t stored = 0;   // bytes of the file
  uint64_t content = 0;  // of the newest state
  std::vector<RecordFields> records;
  std::optional<TrailerFields> trailer;  // of the newest state, when it was found
};

Result<TrailerFields> TrailerAt(StoredFile& file, uint64_t end) {
  Bytes bytes(kTrailerSize);
  if (end < bytes.size()) return Fail(ErrorCode::kCorrupt, "it is too short for a trailer");
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(end - bytes.size(), bytes));
  bytes.resize(got);
  return ParseTrailer(bytes);
}

// The trailer that a record puts into place, if it does.
std::optional<TrailerFields> TrailerIn(const Record& record) {
  const uint64_t at = record.fields.new_length - kTrailerSize;
  for (const auto& write : record.writes) {
    if (write.zeros || write.offset > at || write.offset + write.length < at + kTrailerSize) {
      continue;
    }
    const auto from = record.stored.begin() + static_cast<ptrdiff_t>(write.at + at - write.offset);
    const auto fields = ParseTrailer({&*from, kTrailerSize});
    if (fields) return *fields;
  }
  return std::nullopt;
}

// Follows footer and `previous` to the first record, as docs/FORMAT.md, 6 has it.
Result<std::vector<RecordFields>> FollowRecords(StoredFile& file, uint64_t size, uint64_t last) {
  std::vector<RecordFields> records;
  for (uint64_t at = last; at != 0;) {
    RECRYPT_ASSIGN(const RecordFields fields, PeekRecord(file, at, size));
    records.insert(records.begin(), fields);
    if (fields.previous >= at) return Fail(ErrorCode::kCorrupt, "its records go in a circle");
    at = fields.previous;
  }
  return records;
}

Result<Geometry> ReadGeometry(StoredFile& file) {
  Geometry geometry;
  RECRYPT_ASSIGN(geometry.stored, file.Size());
  RECRYPT_ASSIGN(geometry.content, StoredContentSize(file));
  if (ContentSizeOf(geometry.stored)) {
    RECRYPT_ASSIGN(geometry.trailer, TrailerAt(file, geometry.stored));
    return geometry;
  }
  RECRYPT_ASSIGN(const auto footer, ReadFooter(file, geometry.stored));
  if (!footer || footer->record == 0) return geometry;
  RECRYPT_ASSIGN(geometry.records, FollowRecords(file, geometry.stored, footer->record));
  RECRYPT_ASSIGN(const Record last, ReadRecordUnverified(file, footer->record, geometry.stored));
  if (last.fields.new_length >= kEmptyLength) geometry.trailer = TrailerIn(last);
  return geometry;
}

std::string_view CurveName(const PublicKey& key) {
  return key.curve() == Curve::kP256 ? "P-256" : "X25519";
}

std::string Join(const std::vector<std::string>& parts, std::string_view by) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : std::string(by)) + part;
  return text;
}

std::string_view BoundText(const Header& header, const Status& holds) {
  return header.bindings.empty() ? "no" : holds ? "yes" : "broken";
}

void ShowHeader(Output& out, const Header& header, Json& object) {
  Json recipients = Json::array(), ephemerals = Json::array();
  out.Line("format      jcd 1, suite 1");
  out.Line("id          " + Base64UrlEncode(header.uid));
  out.Line("label       " + header.expression.text());
  out.Line("services    " + Join(header.services, ", "));
  for (const JweRecipient& recipient : header.jwe.recipients) {
    out.Line("recipient   " + recipient.alg + "  " + Join(recipient.kids, " + "));
    recipients.push_back({{"alg", recipient.alg}, {"kids", recipient.kids}});
  }
  for (const PublicKey& key : header.jwe.ephemerals) {
    out.Line("ephemeral   " + std::string(CurveName(key)) + "  " +
             Base64UrlEncode(key.CompressedBytes()));
    ephemerals.push_back(
        {{"curve", CurveName(key)}, {"key", Base64UrlEncode(key.CompressedBytes())}});
  }
  const Status holds = CheckBoundHeader(header);
  if (!header.bindings.empty()) {
    out.Line("bound       " + (holds ? "each ephemeral has signed what it is for"
                                     : "NOT: " + holds.error().message));
  }
  out.Line("header      SHA-256 " + HexEncode(header.digest));
  object["header"] = {{"uid", Base64UrlEncode(header.uid)}, {"label", header.expression.text()},
                      {"services", header.services},        {"recipients", recipients},
                      {"ephemerals", ephemerals},           {"bound", BoundText(header, holds)},
                      {"digest", HexEncode(header.digest)}};
}

void ShowGeometry(Output& out, const Geometry& geometry, Json& object) {
  const Layout layout(geometry.content);
  out.Line("content     " + std::to_string(geometry.content) + " bytes (" +
           FormatSize(geometry.content) + "): blocks " + std::to_string(layout.blocks()) +
           ", groups " + std::to_string(layout.groups()) + ", levels of index blocks " +
           std::to_string(layout.top()));
  out.Line("stored      " + std::to_string(geometry.stored) + " bytes (" +
           FormatSize(geometry.stored) + ")");
  object["content"] = {{"size", geometry.content},
                       {"blocks", layout.blocks()},
                       {"groups", layout.groups()},
                       {"levels", layout.top()}};
  object["stored"] = geometry.stored;
}

void ShowTrailer(Output& out, const std::optional<TrailerFields>& trailer, Json& object) {
  object["trailer"] = Json();
  if (!trailer) {
    out.Line("trailer     not found without keys");
    return;
  }
  out.Line("generation  " + std::to_string(trailer->generation));
  out.Line("data key    number " + std::to_string(trailer->key) + ", " +
           std::to_string(trailer->block_writes) + " block writes");
  out.Line("root        " + HexEncode(trailer->root));
  const bool attributes = trailer->attributes != Sha256Digest{};
  out.Line(attributes ? "attributes  sealed, SHA-256 " + HexEncode(trailer->attributes)
                      : std::string("attributes  none"));
  object["trailer"] = {{"generation", trailer->generation},
                       {"key", trailer->key},
                       {"blockWrites", trailer->block_writes},
                       {"size", trailer->size},
                       {"root", HexEncode(trailer->root)},
                       {"header", HexEncode(trailer->header)},
                       {"attributes", attributes ? Json(HexEncode(trailer->attributes)) : Json()}};
}

void ShowRecords(Output& out, const std::vector<RecordFields>& records, Json& object) {
  object["records"] = Json::array();
  for (const RecordFields& record : records) {
    out.Line("record      at " + std::to_string(record.position) + ", makes a content of " +
             std::to_string(record.new_size) + " bytes; waits to be brought into place");
    object["records"].push_back({{"position", record.position},
                                 {"baseLength", record.base_length},
                                 {"newLength", record.new_length},
                                 {"newSize", record.new_size}});
  }
}

class Inspect : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "A stored document, named *.jcd");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const std::unique_ptr<StoredFile> file, OpenStored(file_));
    const auto size = file->Size();
    if (!size) return Fail(size.error(), file_);
    Json object = {{"file", file_}};
    if (*size == 0) {
      context.out.Line("An empty document without author: nothing was ever committed to it.");
      object["stored"] = 0;
      context.out.Object(object);
      return {};
    }
    const auto header = ReadHeader(file_);
    if (!header) return Fail(header.error(), file_);
    ShowHeader(context.out, *header, object);
    RECRYPT_TRY(ShowBody(context.out, *file, object));
    context.out.Line("Nothing of this has been authenticated: that takes a grant.");
    context.out.Object(object);
    return {};
  }

 private:
  Status ShowBody(Output& out, StoredFile& file, Json& object) const {
    constexpr std::string_view kBinaryStart = "[{\"jcd\":";
    Bytes start(kHeaderRegion);
    RECRYPT_ASSIGN(const size_t got, file.ReadAt(0, start));
    // Slot 0 holds an item of JSON-B; another layout has text there, or nothing.
    const bool binary =
        got == start.size() && AsText(start).starts_with(kBinaryStart) && start[kSlot0] >= 0x80;
    object["encoding"] = binary ? "binary" : "other";
    if (!binary) {
      out.Line("encoding    JSON or JSON-C: read as a whole, never changed in place");
      return {};
    }
    const auto geometry = ReadGeometry(file);
    if (!geometry) return Fail(geometry.error(), file_);
    ShowGeometry(out, *geometry, object);
    ShowTrailer(out, geometry->trailer, object);
    ShowRecords(out, geometry->records, object);
    return {};
  }

  std::string file_;
};

constexpr std::array kVerbs = {
    Verb{"inspect", "Show what a stored document tells without any key",
         "recryptfs inspect report.odt.jcd", MakeCommand<Inspect>},
};

}  // namespace

std::span<const Verb> InspectVerbs() { return kVerbs; }

}  // namespace recrypt
