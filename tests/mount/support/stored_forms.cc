#include "tests/mount/support/stored_forms.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/jcd/geometry.h"
#include "core/jcd/provisional.h"

namespace recrypt {
namespace {

bool AllZero(const Bytes& bytes, const StoredRange& range) {
  const auto begin = bytes.begin() + static_cast<ptrdiff_t>(range.offset);
  return std::all_of(begin, begin + static_cast<ptrdiff_t>(range.length),
                     [](uint8_t byte) { return byte == 0; });
}

bool SameIn(const Bytes& one, const Bytes& other, const StoredRange& range) {
  const uint64_t end = range.offset + range.length;
  return end <= one.size() && end <= other.size() &&
         std::memcmp(&one[range.offset], &other[range.offset], range.length) == 0;
}

// The texts of the records behind a document (docs/FORMAT.md, 6), by the footer at its end.
std::vector<StoredRange> RecordsOf(const Bytes& stored) {
  std::vector<StoredRange> records;
  if (ContentSizeOf(stored.size())) return records;
  for (uint64_t at = LoadU64(&stored[stored.size() - 24]); at != 0;) {
    records.push_back({at, 19 + LoadU64(&stored[at + 11]) + 1});
    at = LoadU64(&stored[at + 19 + 24]);
  }
  return records;
}

}  // namespace

StoredForm MakeForm(std::string document, int state, Bytes stored, const Bytes& settled,
                    Bytes content) {
  StoredForm form{
      std::move(document), state, std::move(stored), std::move(content), {}, {}, {}, {}};
  form.always = RecordsOf(form.stored);
  const auto in_place = [&](StoredRange range) -> std::optional<StoredRange> {
    if (SameIn(form.stored, settled, range)) return range;
    return std::nullopt;
  };
  const Layout layout(form.content.size());
  // The text of the header: behind it there are only blanks.
  const size_t header = AsText(form.stored).substr(0, kSlot0).rfind('}') + 1;
  for (const StoredRange& range : {StoredRange{0, header}, {layout.DataEnd(), kTrailerSize}}) {
    if (in_place(range)) form.always.push_back(range);
  }
  for (int level = 1; level <= layout.top(); ++level) {
    for (uint64_t i = 0; i < layout.NodesAt(level); ++i) {
      form.index.push_back(in_place({layout.NodeOffset(level, i), layout.NodeBytes(level, i)}));
    }
  }
  for (uint64_t group = 0; group < layout.groups(); ++group) {
    const StoredRange table = {layout.NodeOffset(0, group), layout.NodeBytes(0, group)};
    const StoredRange entries = {table.offset + kTableHead, table.length - kTableHead};
    form.tables.push_back(AllZero(settled, entries) ? std::nullopt : in_place(table));
    for (uint64_t i = 0; i < layout.BlocksInGroup(group); ++i) {
      const uint64_t block = group * kGroupBlocks + i;
      const bool hole = AllZero(settled, {entries.offset + i * kEntrySize, kEntrySize});
      form.blocks.push_back(hole ? std::nullopt
                                 : in_place({BlockOffset(block), layout.BytesInBlock(block)}));
    }
  }
  return form;
}

bool Reading::complete() const {
  return open_errno == 0 &&
         std::all_of(errors.begin(), errors.end(), [](int error) { return error == 0; });
}

namespace {

// Exact bytes, as far as the reading goes.
bool IsBeginningOf(const Reading& reading, const StoredForm& form) {
  if (reading.open_errno != 0 || reading.size > form.content.size()) return false;
  for (size_t block = 0; block < reading.errors.size(); ++block) {
    if (!reading.WasRead(block)) continue;
    const size_t at = block * kBlockSize;
    const size_t size = std::min<size_t>(kBlockSize, reading.size - at);
    if (std::memcmp(&reading.bytes[at], &form.content[at], size) != 0) return false;
  }
  return true;
}

}  // namespace

bool IsOf(const Reading& reading, const StoredForm& form) {
  return reading.size == form.content.size() && IsBeginningOf(reading, form);
}

bool Holds(const Bytes& stored, const StoredForm& form, const Reading& reading) {
  const auto held = [&](const std::optional<StoredRange>& range) {
    return !range || SameIn(stored, form.stored, *range);
  };
  if (!std::all_of(form.always.begin(), form.always.end(), held)) return false;
  const bool any = std::count(reading.errors.begin(), reading.errors.end(), 0) != 0;
  if (any && !std::all_of(form.index.begin(), form.index.end(), held)) return false;
  for (size_t block = 0; block < reading.errors.size(); ++block) {
    if (!reading.WasRead(block)) continue;
    if (!held(form.blocks[block]) || !held(form.tables[block / kGroupBlocks])) return false;
  }
  return true;
}

bool IsUnwritten(const Bytes& stored) {
  const auto all_zero = [&](size_t from, size_t to) {
    return AllZero(stored, {from, std::min(to, stored.size()) - from});
  };
  if (all_zero(0, 64)) return true;
  if (stored.size() < kSlot0) return false;
  if (stored[kProvisionalAt] == kProvisionalMark) return true;
  constexpr size_t kSector = 512;
  for (size_t at = 0; at < kSlot0; at += kSector) {
    if (all_zero(at, std::min<size_t>(at + kSector, kSlot0))) return true;
  }
  return false;
}

namespace {

std::string WhyWrongSize(uint64_t shown, uint64_t size) {
  if (shown == size) return "";
  return "stat shows a size of " + std::to_string(shown) + ", and it is " + std::to_string(size);
}

// What holds of any reading; the empty text is no answer yet.
std::string WhyNever(const Reading& reading) {
  const auto told = [](int error) { return std::string(std::strerror(error)); };
  if (reading.open_errno != 0 && reading.open_errno != EIO) {
    return "opening: " + told(reading.open_errno);
  }
  for (const int error : reading.errors) {
    if (error != 0 && error != EIO) return "reading: " + told(error);
  }
  return WhyWrongSize(reading.shown_size, reading.size);
}

bool NeedsNoForm(const Reading& reading, const Bytes& stored) {
  return reading.open_errno != 0 || (reading.size == 0 && IsUnwritten(stored));
}

std::string NoneOf(const std::string& known, const Reading& reading) {
  if (known.empty()) return "bytes of no state, of size " + std::to_string(reading.size);
  return "bytes of a state that the file does not hold, or may not be seen any more:" + known;
}

}  // namespace

std::string WhyWrong(const Reading& reading, const Bytes& stored,
                     const std::vector<StoredForm>& forms) {
  std::string known = WhyNever(reading);
  if (known.empty()) known = WhyWrongSize(reading.size_at_open, reading.size);
  if (!known.empty() || NeedsNoForm(reading, stored)) return known;
  for (const StoredForm& form : forms) {
    if (!IsOf(reading, form)) continue;
    if (Holds(stored, form, reading)) return "";
    known += " " + form.document + std::to_string(form.state);
  }
  return NoneOf(known, reading);
}

std::string WhyWrong(const Reading& reading, const Bytes& stored,
                     const std::vector<StoredForm>& forms, const StoredForm& newest) {
  // One that was emptied while it was open ends where its reader finds that out.
  const bool emptied = reading.shown_size == 0 && IsUnwritten(stored);
  if (emptied && IsBeginningOf(reading, newest)) return "";
  std::string known = WhyNever(reading);
  if (!known.empty() || NeedsNoForm(reading, stored) || IsOf(reading, newest)) return known;
  for (const StoredForm& form : forms) {
    if (!IsOf(reading, form)) continue;
    if (form.document != newest.document && Holds(stored, form, reading)) return "";
    known += " " + form.document + std::to_string(form.state);
  }
  return NoneOf(known, reading);
}

}  // namespace recrypt
