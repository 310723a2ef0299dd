// FileSystem: saving by rename keeps the label of what is replaced (DESIGN 4).
//
// An editor makes a new file in the document's directory, under the directory's label, and renames
// it over the document. Where the document has a label of its own, the new content is encrypted
// once more, under that one, as a new stored file that then takes the name.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

constexpr size_t kCopyBytes = 1 << 20;
// close(2) returns before the kernel has told that a file was closed.
constexpr int kReleaseWaitMs = 500;

Status CopyAttributes(OpenDocument& from, OpenDocument& to) {
  RECRYPT_ASSIGN(const Attributes attributes, from.GetAttributes());
  if (attributes.empty()) return {};
  const auto take_over = [&](Attributes& copied) -> Status {
    copied = attributes;
    return {};
  };
  return to.ChangeAttributes(take_over, OpenDocument::IfUnreadable::kFail);
}

}  // namespace

// The replaced document's label, where it differs, the new one was made here under the directory's,
// and a known author vouches for the old one; otherwise the new one keeps its own.
Result<std::optional<LabelExpression>> FileSystem::LabelToTake(const Move& move) {
  const std::optional<LabelExpression> own;
  if (!move.MovesDocument() || !move.target || move.target->kind != InodeKind::kDocument ||
      move.source.key() == move.target->key()) {
    return own;
  }
  std::shared_ptr<Inode> source = inodes_.Peek(move.source.key());
  std::shared_ptr<Inode> target = inodes_.Peek(move.target->key());
  if (source == nullptr || target == nullptr || !source->WasCreatedIn(move.to)) return own;
  auto made = DocumentOf(*source)->Label();
  auto replaced = DocumentOf(*target)->Label();
  for (auto* label : {&made, &replaced}) {
    if (!*label && label->error().code == ErrorCode::kIo) return Fail(std::move(label->error()));
  }
  if (!made || !replaced || *made == *replaced || made->empty() || replaced->empty()) return own;
  RECRYPT_ASSIGN(const std::string path, store_.PathOf(move.to.node()));
  auto ruling = labels_.ForDirectory(path);
  if (!ruling || ruling->text() != *made) return own;
  std::shared_ptr<OpenDocument> document = DocumentOf(*target);
  auto vouched = document->VouchedLabel();
  KeepForLater(document);
  if (!vouched && vouched.error().code == ErrorCode::kIo) return Fail(std::move(vouched.error()));
  if (!vouched) return own;
  return vouched;
}

Status FileSystem::ReplaceUnderLabel(const Move& move, const LabelExpression& label) {
  std::shared_ptr<Inode> source = inodes_.Peek(move.source.key());
  std::shared_ptr<OpenDocument> document = DocumentOf(*source);
  for (int waited = 0; document->InUse(); ++waited) {
    if (waited == kReleaseWaitMs) {
      return Fail(ErrorCode::kBusy,
                  "the new file has to be closed before it can replace a document "
                  "that is labelled " +
                      label.text());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  RECRYPT_TRY(access_.AuthorFor(label));
  RECRYPT_ASSIGN(NewDocument fresh, access_.Create(label, move.new_name));
  // The name of a sidecar that belongs to nothing: hidden, and in nobody's way should a crash leave
  // it behind.
  const std::string temporary =
      SidecarName(StoredDocumentName(HexEncode(RandomArray<kMaxName / 2>())));
  RECRYPT_ASSIGN(const std::string place, PathOf(move.to, move.new_stored_name));
  RECRYPT_ASSIGN(UniqueFd fd, store_.CreateFile(move.to.node(), temporary, 0600));
  Status done = CopyUnderLabel(*source, std::move(fd), std::move(fresh), place);
  // Durable by now: after a crash the name leads to the old document or to the new one.
  if (done)
    done = store_.Rename(move.to.node(), temporary, move.to.node(), move.new_stored_name, 0);
  if (!done) {
    (void)store_.Unlink(move.to.node(), temporary);
    return done;
  }
  RECRYPT_TRY(store_.Unlink(move.from.node(), move.source.stored_name));
  names_.Release(move.from.node(), move.source.stored_name);
  LetGo(move.source.key());
  LetGo(move.target->key());
  // The kernel takes the name for the file that was renamed, and is to look again. It does so when
  // this rename is answered: until then it holds the directory.
  invalidations_.Post([this, directory = move.to.id(), name = move.new_name] {
    kernel_.DropName(directory, name);
  });
  return {};
}

// Content, attributes, owner, mode and times of `source`, durably.
Status FileSystem::CopyUnderLabel(Inode& source, UniqueFd to, NewDocument fresh,
                                  const std::string& place) {
  RECRYPT_ASSIGN(struct stat st, GetAttributes(source));
  RECRYPT_ASSIGN(UniqueFd node, store_.NodeOf(to.get()));
  auto shared = std::make_shared<const UniqueFd>(std::move(node));
  std::shared_ptr<OpenDocument> from = DocumentOf(source);
  auto copy = std::make_shared<OpenDocument>(services_, shared, 0);
  RECRYPT_TRY(from->Open(OpenFor::kReading));
  Status done = copy->StartNew(std::move(to), std::move(fresh), place);
  if (done) {
    Bytes buffer(kCopyBytes);
    for (uint64_t offset = 0; done;) {
      auto size = from->Read(offset, buffer);
      if (!size) done = Fail(std::move(size.error()));
      if (!size || *size == 0) break;
      done = copy->Write(offset, ByteSpan(buffer).first(*size), WriteAt::kOffset);
      offset += *size;
    }
    Wipe(buffer);
    if (done) done = CopyAttributes(*from, *copy);
    if (done) done = copy->Sync();
    copy->Close();
  }
  from->Close();
  if (!done) return done;
  if (geteuid() == 0) RECRYPT_TRY(store_.ChangeOwner(shared->get(), {st.st_uid, st.st_gid}));
  RECRYPT_TRY(store_.ChangeMode(shared->get(), st.st_mode & 07777));
  const struct timespec times[2] = {st.st_atim, st.st_mtim};
  return store_.ChangeTimes(shared->get(), times);
}

}  // namespace recrypt
