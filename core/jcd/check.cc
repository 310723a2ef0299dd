#include "core/jcd/check.h"

#include <algorithm>
#include <array>

#include "core/jcd/bound_header.h"
#include "core/jcd/document.h"
#include "core/jcd/node.h"
#include "core/jcd/signatures.h"
#include "core/jcd/stream.h"

namespace recrypt {
namespace {

constexpr uint8_t kLastChunk = 0x8B;
constexpr uint8_t kChunk = 0x8F;

Result<Bytes> ReadUpTo(StoredFile& file, uint64_t offset, size_t size) {
  Bytes bytes(size);
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(offset, bytes));
  bytes.resize(got);
  return bytes;
}

// Zeros where the header would be, whatever groups were written ahead of it, and no trailer.
Result<bool> IsNeverCommitted(StoredFile& file, const Bytes& region, uint64_t size) {
  if (!Node::AllZero(region)) return false;
  RECRYPT_ASSIGN(const auto trailer, FindTrailerInPlace(file, size));
  return !trailer.has_value();
}

// The header of a document in another encoding.
Result<std::optional<Header>> ReadOtherEncoding(StoredFile& file, uint64_t size) {
  std::optional<Header> found;
  RECRYPT_ASSIGN(const Bytes stored, ReadUpTo(file, 0, size));
  const auto opener = [&](const Header& header) -> Result<OpenedDocument> {
    found = header;
    return Fail(ErrorCode::kDenied, "only the header is wanted");
  };
  (void)ReadWholeDocument(stored, opener, 0);
  return found;
}

std::string CountBytes(uint64_t count) { return std::to_string(count) + " bytes"; }

// Slots of a document that a stream wrote are a chain; otherwise the first one frames all data.
Result<bool> SlotsAreSound(StoredFile& file, const StoredState& state) {
  const Layout layout(state.fields.size);
  const uint64_t groups = std::max<uint64_t>(1, layout.groups());
  for (uint64_t group = 0; group < groups; ++group) {
    const uint64_t start = GroupStart(group);
    ByteArray<kSlotSize> slot{};
    RECRYPT_TRY(state.overlay.Read(file, start - kSlotSize, slot));
    const uint64_t length = LoadU64(&slot[1]);
    // The whole, in the first slot of a document written at random, or what is left of a chain.
    if (slot[0] == kLastChunk) {
      return length == layout.DataEnd() - start && (group == 0 || group + 1 == groups);
    }
    if (slot[0] != kChunk || length != GroupStart(group + 1) - kSlotSize - start) return false;
  }
  return false;
}

class StateCheck {
 public:
  StateCheck(StoredFile& file, const Header& header, const CheckKeys* keys, CheckReport& report)
      : file_(file), header_(header), keys_(keys), report_(report) {}

  Result<std::optional<StoredState>> Run() {
    RECRYPT_ASSIGN(report_.stored, file_.Size());
    auto state = Find();
    if (state) {
      RECRYPT_TRY(Describe(*state));
      return std::optional<StoredState>(std::move(*state));
    }
    switch (state.error().code) {
      case ErrorCode::kCorrupt:
        RECRYPT_TRY(Diagnose());
        return std::optional<StoredState>();
      case ErrorCode::kDenied:
        report_.Add(Part::kRecord, Harm::kNone,
                    "not checked without a grant: " + state.error().message);
        return std::optional<StoredState>();
      default:
        return Fail(std::move(state.error()));
    }
  }

 private:
  Result<StoredState> Find() {
    return keys_ != nullptr ? FindLastState(file_, keys_->keys, header_.digest)
                            : FindLastStateUnverified(file_, header_.digest);
  }

  Status Describe(const StoredState& state) {
    report_.size = state.fields.size;
    report_.generation = state.fields.generation;
    if (keys_ != nullptr) CheckSignatures(state);
    if (state.last_record != 0) {
      report_.records_wait = true;
      report_.Add(Part::kRecord, Harm::kNone,
                  state.partly_applied
                      ? "its commit records are brought into place in part: the next writer goes on"
                      : "commit records wait to be brought into place");
      RECRYPT_TRY(CheckFooter(state));
    }
    RECRYPT_TRY(CheckSlots(state));
    return CheckEnd(state);
  }

  void CheckSignatures(const StoredState& state) {
    const auto entries = ParseEntries(state.sealed);
    auto who = entries ? VerifyEntries(*entries, header_.uid, state.fields, keys_->expression,
                                       keys_->trust, keys_->now)
                       : Fail(entries.error());
    report_.authenticated = who.has_value();
    if (who) {
      report_.authorship = std::move(*who);
    } else {
      report_.Add(Part::kSignature, Harm::kDamage, who.error().message);
    }
  }

  Status CheckFooter(const StoredState& state) {
    RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file_, report_.stored));
    const bool sound = footer && footer->record == state.last_record &&
                       footer->length == state.length && footer->size == state.fields.size;
    if (!sound && report_.stored <= state.end) {
      report_.Add(Part::kFooter, Harm::kNone,
                  "the footer of the commit records is damaged: until the next commit, the size "
                  "that is shown for it may be wrong");
    }
    return {};
  }

  Status CheckSlots(const StoredState& state) {
    const auto sound = SlotsAreSound(file_, state);
    if (!sound && sound.error().code != ErrorCode::kCorrupt) return Fail(sound.error());
    if (sound && *sound) return {};
    ByteArray<kSlotSize> slot{kLastChunk};
    StoreU64(&slot[1], Layout(state.fields.size).DataEnd() - kHeaderRegion);
    report_.mends.push_back({kSlot0, ToBytes(slot)});
    report_.Add(Part::kSlots, Harm::kDamage,
                "the framing of the data is wrong: reading it as a stream fails");
    return {};
  }

  // What stands behind the last state.
  Status CheckEnd(const StoredState& state) {
    if (state.file_size <= state.end) return {};
    RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file_, state.file_size));
    const std::string bytes = CountBytes(state.file_size - state.end);
    if (footer && footer->record >= state.end &&
        PeekRecord(file_, footer->record, state.file_size)) {
      // Whole by its framing: a synced commit may have been lost.
      report_.Add(
          Part::kRecord, Harm::kDamage,
          "a commit record at " + std::to_string(footer->record) +
              " does not verify: the commit was torn by a crash, or it is damaged, and what "
              "is read is the state before it");
      return {};
    }
    report_.cut_to = state.end;
    report_.Add(Part::kEnd, Harm::kNone,
                bytes +
                    " behind it are left over from a commit that did not finish: the next "
                    "writer cuts them off");
    return {};
  }

  // There is no state: says why.
  Status Diagnose() {
    if (keys_ != nullptr) {
      // Whatever is wrong besides, without keys all would be well.
      const auto plain = FindLastStateUnverified(file_, header_.digest);
      if (plain) {
        report_.size = plain->fields.size;
        Lost(Part::kTrailer,
             "the trailer is not what the document's writer sealed: it was altered, or it is "
             "another document's");
        return {};
      }
    }
    const auto size = ContentSizeOf(report_.stored);
    return size ? DiagnosePlain(*size) : DiagnoseUnmapped();
  }

  Status DiagnosePlain(uint64_t size) {
    report_.size = size;
    RECRYPT_ASSIGN(const Bytes end, ReadUpTo(file_, report_.stored - kTrailerSize, kTrailerSize));
    if (Node::AllZero(end)) {
      report_.condition = Condition::kUnfinished;
      report_.size = 0;
      report_.Add(Part::kTrailer, Harm::kNone,
                  "its creation took the room and never finished: nothing was committed");
      return {};
    }
    const auto fields = ParseTrailer(end);
    if (!fields) {
      Lost(Part::kTrailer, fields.error().message);
    } else if (fields->size != size) {
      Lost(Part::kTrailer, "the trailer is of a document of " + CountBytes(fields->size) +
                               ", and the file is as long as one of " + CountBytes(size));
    } else if (fields->header != header_.digest) {
      Lost(Part::kHeader, "the header is not the one that the trailer names");
    } else {
      Lost(Part::kTrailer, "the trailer does not verify");
    }
    return {};
  }

  Status DiagnoseUnmapped() {
    RECRYPT_ASSIGN(const std::optional<Footer> footer, ReadFooter(file_, report_.stored));
    if (footer && footer->record == 0 && footer->length == 0) {
      report_.condition = Condition::kUnfinished;
      report_.Add(Part::kFooter, Harm::kNone, "its creation did not finish: nothing was committed");
      return {};
    }
    if (footer) report_.size = std::min(footer->size, kMaxContentSize);
    if (footer && footer->record == 0) {
      Lost(Part::kTrailer, "the trailer of the committed state is damaged");
    } else if (footer) {
      Lost(Part::kRecord, "the commit records are damaged, and so is the trailer before them");
    } else {
      Lost(Part::kLength,
           "no document has a stored length of " + CountBytes(report_.stored) +
               ", and no trailer is found: it was cut off, or its creation did not finish");
    }
    return {};
  }

  void Lost(Part part, std::string what) {
    report_.Add(part, Harm::kDamage, std::move(what), ContentRange{0, report_.size});
  }

  StoredFile& file_;
  const Header& header_;
  const CheckKeys* const keys_;
  CheckReport& report_;
};

}  // namespace

std::string_view PartName(Part part) {
  constexpr std::array<std::string_view, 12> kNames = {
      "length", "header", "framing", "trailer", "signature", "attributes",
      "record", "footer", "end",     "index",   "table",     "block"};
  return kNames[static_cast<size_t>(part)];
}

std::string_view ConditionName(Condition condition) {
  constexpr std::array<std::string_view, 5> kNames = {"good", "empty", "unfinished", "damaged",
                                                      "no document"};
  return kNames[static_cast<size_t>(condition)];
}

void CheckReport::Add(Part part, Harm harm, std::string what, std::optional<ContentRange> content) {
  if (content && content->end > counted_to) {
    unreadable += content->end - std::max(content->first, counted_to);
    counted_to = content->end;
  }
  if (harm == Harm::kDamage) condition = Condition::kDamaged;
  if (findings.size() < kMaxFindings) {
    findings.push_back({part, harm, std::move(what), content});
  } else {
    ++more_findings;
  }
}

Result<DocumentStart> ReadDocumentStart(StoredFile& file) {
  DocumentStart start;
  RECRYPT_ASSIGN(const uint64_t size, file.Size());
  if (size == 0) return start;
  RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(file));
  const Bytes& stored = regions.back();
  if (!stored.empty() && stored[0] == 0) {
    RECRYPT_ASSIGN(const bool never_written, IsNeverCommitted(file, stored, size));
    if (never_written) start.encoding = Encoding::kZeros;
    if (never_written) return start;
  }
  for (const Bytes& region : regions) {
    auto header = ParseHeader(region);
    if (header) {
      start.headers.push_back(std::move(*header));
    } else {
      start.refusal = std::move(header.error().message);
    }
  }
  if (!ParseHeader(stored)) {
    if (auto mended = MendHeaderRegion(stored)) {
      RECRYPT_ASSIGN(Header header, ParseHeader(*mended));
      start.headers.push_back(std::move(header));
      mended->resize(kSlot0);
      start.mend = Mend{0, std::move(*mended)};
    }
  }
  start.encoding = Encoding::kBinary;
  if (!start.headers.empty()) return start;
  if (stored[0] == '[' && size <= kMaxOtherEncoding) {
    RECRYPT_ASSIGN(std::optional<Header> other, ReadOtherEncoding(file, size));
    if (other) {
      start.encoding = Encoding::kOther;
      start.headers.push_back(std::move(*other));
      return start;
    }
  }
  const bool framed = size > kSlot0 && (stored[kSlot0] == kLastChunk || stored[kSlot0] == kChunk);
  if (stored[0] == '[' && size > kMaxOtherEncoding && !framed) {
    start.encoding = Encoding::kOther;
    return start;
  }
  if (StartsLikeADocument(stored)) return start;
  RECRYPT_ASSIGN(const auto trailer, FindTrailerInPlace(file, size));
  if (!trailer) start.encoding = Encoding::kUnknown;
  return start;
}

Result<std::optional<StoredState>> CheckState(StoredFile& file, const Header& header,
                                              const CheckKeys* keys, CheckReport& report) {
  if (const Status bound = CheckBoundHeader(header); !bound) {
    report.Add(Part::kHeader, Harm::kDamage, bound.error().message);
  }
  return StateCheck(file, header, keys, report).Run();
}

void AddHeaderMend(const DocumentStart& start, const Header& header, CheckReport& report) {
  if (!start.mend || &header != &start.headers.back()) return;
  report.mends.push_back(*start.mend);
  // No reader takes it.
  report.Add(Part::kHeader, Harm::kDamage,
             "what stands around the header is damaged; the header itself is not",
             ContentRange{0, report.size});
}

Status CheckWithoutHeader(StoredFile& file, const DocumentStart& start, CheckReport& report) {
  RECRYPT_ASSIGN(report.stored, file.Size());
  switch (start.encoding) {
    case Encoding::kEmpty:
      report.condition = Condition::kEmpty;
      return {};
    case Encoding::kZeros:
      report.condition = Condition::kUnfinished;
      report.Add(Part::kHeader, Harm::kNone,
                 "zeros and no header: its creation took the room and never finished");
      return {};
    case Encoding::kUnknown:
      report.condition = Condition::kNoDocument;
      return {};
    case Encoding::kOther:
      report.Add(Part::kLength, Harm::kNone,
                 "in this encoding, what is larger than 16 MiB is not checked");
      return {};
    case Encoding::kBinary:
      break;
  }
  RECRYPT_ASSIGN(const auto trailer, FindTrailerInPlace(file, report.stored));
  report.size = trailer ? trailer->size : 0;
  report.generation = trailer ? trailer->generation : 0;
  report.Add(Part::kHeader, Harm::kDamage, start.refusal, ContentRange{0, report.size});
  return {};
}

}  // namespace recrypt
