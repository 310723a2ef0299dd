#include "tests/mount/support/mutations.h"

#include <algorithm>

#include "core/jcd/geometry.h"
#include "core/jcd/record.h"

namespace recrypt {
namespace {

ptrdiff_t Signed(size_t at) { return static_cast<ptrdiff_t>(at); }

std::string At(size_t at) { return " at " + std::to_string(at); }

// Makes `stored` hold `bytes` at `at`, longer if need be.
void Put(Bytes& stored, size_t at, ByteSpan bytes) {
  stored.resize(std::max(stored.size(), at + bytes.size()));
  std::copy(bytes.begin(), bytes.end(), stored.begin() + Signed(at));
}

std::string NameOf(const StoredForm& form) { return form.document + std::to_string(form.state); }

}  // namespace

Mutation Mutator::Next(const StoredForm& target) {
  Mutation mutation;
  do {
    mutation = {target.stored, {}};
    for (size_t i = 1 + Below(2) * Below(3); i > 0; --i) {
      mutation.what += Change(target, mutation.stored) + "; ";
    }
  } while (mutation.stored == target.stored);
  return mutation;
}

std::string Mutator::Change(const StoredForm& target, Bytes& stored) {
  switch (Below(16)) {
    case 0:
    case 1:
    case 2:
      return Flip(target, stored);
    case 3:
      return Cut(target, stored);
    case 4:
      return Extend(stored);
    case 5:
      return SwapBlocks(target, stored);
    case 6:
    case 7:
    case 8:
      return Splice(stored);
    case 9:
      return TakeTail(target, stored);
    case 10:
      return Zero(target, stored);
    case 11:
      return Duplicate(target, stored);
    case 12:
      return Shift(target, stored);
    case 13:
      return TakeHeader(stored);
    case 14:
      return TakeAll(stored);
    default:
      return FakeFooter(stored);
  }
}

StoredRange Mutator::SomeRange(const StoredForm& form) {
  const size_t kind = Below(4);
  if (kind == 0 && !form.tables.empty()) {
    if (const auto& table = form.tables[Below(form.tables.size())]) return *table;
  }
  if (kind == 1 && !form.blocks.empty()) {
    if (const auto& block = form.blocks[Below(form.blocks.size())]) return *block;
  }
  return form.always[Below(form.always.size())];
}

size_t Mutator::Place(const StoredForm& target, size_t size) {
  if (Below(2) == 0) return Below(size);
  const StoredRange range = SomeRange(target);
  const size_t inside = Below(2) == 0 ? Below(range.length) : Below(2) * range.length;
  return std::min<size_t>(range.offset + inside, size == 0 ? 0 : size - 1);
}

size_t Mutator::Length(size_t room) {
  static constexpr size_t kTypical[] = {1, 16, 64, 512, 656, 4096, 5124, 65536, 532372};
  return std::min(room, 1 + Below(kTypical[Below(9)]));
}

std::string Mutator::Flip(const StoredForm& target, Bytes& stored) {
  if (stored.empty()) return "nothing to flip";
  const size_t at = Place(target, stored.size());
  stored[at] ^= static_cast<uint8_t>(Below(2) == 0 ? 1u << Below(8) : 1 + Below(255));
  return "flip" + At(at);
}

std::string Mutator::Cut(const StoredForm& target, Bytes& stored) {
  size_t length = Place(target, stored.size());
  if (Below(3) == 0) length = StoredLengthFromSizeBelow(stored.size());
  if (Below(16) == 0) length = 0;
  stored.resize(length);
  return "cut" + At(length);
}

std::string Mutator::Extend(Bytes& stored) {
  const size_t before = stored.size();
  const size_t kind = Below(3);
  if (kind == 0) {
    stored.resize(before + Length(100'000));
  } else if (kind == 1) {
    for (size_t i = Length(10'000); i > 0; --i) stored.push_back(static_cast<uint8_t>(random_()));
  } else {
    const Bytes& donor = Donor().stored;
    Append(stored, ByteSpan(donor).last(Length(donor.size())));
  }
  return "extend to " + std::to_string(stored.size());
}

// With or without their entries in the tables.
std::string Mutator::SwapBlocks(const StoredForm& target, Bytes& stored) {
  const Layout layout(target.content.size());
  if (layout.blocks() < 2) return "nothing to swap";
  const uint64_t one = Below(layout.blocks()), other = Below(layout.blocks());
  const auto swap = [&](uint64_t a, uint64_t b, uint64_t size) {
    if (std::max(a, b) + size > stored.size() || a == b) return;
    std::swap_ranges(stored.begin() + Signed(a), stored.begin() + Signed(a + size),
                     stored.begin() + Signed(b));
  };
  const auto entry = [&](uint64_t block) {
    return layout.NodeOffset(0, block / kGroupBlocks) + kTableHead +
           block % kGroupBlocks * kEntrySize;
  };
  swap(BlockOffset(one), BlockOffset(other),
       std::min(layout.BytesInBlock(one), layout.BytesInBlock(other)));
  if (Below(2) == 0) swap(entry(one), entry(other), kEntrySize);
  return "swap blocks " + std::to_string(one) + " and " + std::to_string(other);
}

// What another document, or an earlier version, has in the same place: one of its parts or any
// range.
std::string Mutator::Splice(Bytes& stored) {
  const StoredForm& donor = Donor();
  StoredRange range = SomeRange(donor);
  if (Below(2) == 0) {
    range.offset = Below(donor.stored.size());
    range.length = Length(donor.stored.size() - range.offset);
  }
  Put(stored, range.offset, ByteSpan(donor.stored).subspan(range.offset, range.length));
  return "splice " + std::to_string(range.length) + " of " + NameOf(donor) + At(range.offset);
}

std::string Mutator::TakeTail(const StoredForm& target, Bytes& stored) {
  const StoredForm& donor = Donor();
  const size_t at = Place(target, std::min(stored.size(), donor.stored.size()));
  stored.resize(at);
  Append(stored, ByteSpan(donor.stored).subspan(at));
  return "take tail of " + NameOf(donor) + At(at);
}

std::string Mutator::Zero(const StoredForm& target, Bytes& stored) {
  const size_t at = Below(8) == 0 ? 0 : Place(target, stored.size());
  const size_t length = Length(stored.size() - at);
  std::fill_n(stored.begin() + Signed(at), length, uint8_t{0});
  return "zero " + std::to_string(length) + At(at);
}

std::string Mutator::Duplicate(const StoredForm& target, Bytes& stored) {
  const size_t from = Place(target, stored.size());
  const Bytes piece(stored.begin() + Signed(from),
                    stored.begin() + Signed(from + Length(stored.size() - from)));
  const size_t to = Place(target, stored.size());
  if (Below(2) == 0) {
    Put(stored, to, piece);
  } else {
    stored.insert(stored.begin() + Signed(to), piece.begin(), piece.end());
  }
  return "duplicate " + std::to_string(piece.size()) + At(from) + " to " + std::to_string(to);
}

std::string Mutator::Shift(const StoredForm& target, Bytes& stored) {
  const size_t at = Place(target, stored.size());
  const size_t length = Length(stored.size() - at);
  stored.erase(stored.begin() + Signed(at), stored.begin() + Signed(at + length));
  return "remove " + std::to_string(length) + At(at);
}

std::string Mutator::TakeHeader(Bytes& stored) {
  const StoredForm& donor = Donor();
  Put(stored, 0, ByteSpan(donor.stored).first(Below(2) == 0 ? kSlot0 : kHeaderRegion));
  return "take header of " + NameOf(donor);
}

std::string Mutator::TakeAll(Bytes& stored) {
  const StoredForm& donor = Donor();
  stored = donor.stored;
  return "take all of " + NameOf(donor);
}

// Says what stat believes until the document is opened.
std::string Mutator::FakeFooter(Bytes& stored) {
  if (stored.size() < kFooterSize) return "no room for a footer";
  Footer footer{Below(stored.size()), Below(stored.size()), Below(10'000'000)};
  if (Below(3) == 0) footer.record = 0;
  if (Below(3) == 0) footer.length = StoredLengthFromSizeBelow(stored.size());
  if (Below(2) == 0) stored.resize(NextUnmappedLength(stored.size() + Below(200)));
  const auto bytes = ComposeFooter(footer);
  std::copy(bytes.begin(), bytes.end(), stored.end() - Signed(kFooterSize));
  return "fake footer at the end of " + std::to_string(stored.size());
}

// A length that stands for a size.
size_t Mutator::StoredLengthFromSizeBelow(size_t limit) {
  return Layout(Below(limit)).StoredLength();
}

}  // namespace recrypt
