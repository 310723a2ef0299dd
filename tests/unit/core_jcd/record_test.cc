// Records count, footers are a hint (docs/FORMAT.md, 6).
#include "core/jcd/record.h"

#include <gtest/gtest.h>

#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

class RecordTest : public testing::Test {
 protected:
  RecordTest() : file_(std::make_shared<MemoryFile>()), document_(world_.Create(file_)) {
    Must(document_->Write(0, old_));
    Commit();
    base_ = file_->bytes().size();
  }
  void Commit() { Must(document_->Commit(world_.author(), Durability::kSynced)); }
  // Commits a change of the content; returns what it is then.
  Bytes Change() {
    Bytes fresh = Must(ReadAll(*document_));
    fresh[4500] ^= 1;
    Must(document_->Write(4500, Bytes{fresh[4500]}));
    Commit();
    return fresh;
  }
  // Where the record behind `base_` ends, without zeros and footer.
  size_t EndOfRecord() {
    const Bytes& stored = file_->bytes();
    return base_ + kRecordStart.size() + 8 + LoadU64(&stored[base_ + kRecordStart.size()]) + 1;
  }
  std::shared_ptr<MemoryFile> CutAt(size_t length) {
    const Bytes& stored = file_->bytes();
    return std::make_shared<MemoryFile>(
        Bytes(stored.begin(), stored.begin() + static_cast<ptrdiff_t>(length)));
  }
  Bytes Read(std::shared_ptr<StoredFile> file) { return Must(ReadAll(*Must(world_.Open(file)))); }

  World world_;
  const Bytes old_ = RandomContent(5000);
  std::shared_ptr<MemoryFile> file_;
  std::unique_ptr<Document> document_;
  size_t base_ = 0;
};

TEST_F(RecordTest, CountsWhateverIsLeftOfItsFooter) {
  const Bytes fresh = Change();
  ASSERT_LE(EndOfRecord() + kFooterSize, file_->bytes().size());
  for (size_t length = EndOfRecord(); length <= file_->bytes().size(); ++length) {
    EXPECT_EQ(Read(CutAt(length)), fresh) << length;
  }
  for (const size_t missing : {1, 2, 30, 500}) {
    EXPECT_EQ(Read(CutAt(EndOfRecord() - missing)), old_) << missing;
  }
}

TEST_F(RecordTest, WithoutItsFooterIsFollowedByTheNext) {
  Bytes fresh = Change();
  const auto file = CutAt(EndOfRecord());
  for (int i = 0; i < 3; ++i) {
    auto document = Must(world_.Open(file));
    fresh[17] ^= 1;
    Must(document->Write(17, Bytes{fresh[17]}));
    Must(document->Commit(world_.author(), Durability::kSynced));
    EXPECT_EQ(Read(file), fresh);
  }
  auto document = Must(world_.Open(file));
  Must(document->Apply());
  EXPECT_EQ(file->bytes().size(), base_);
  EXPECT_EQ(Read(file), fresh);
}

// Of what an apply writes after its first sync, a loss of power may let any single write through.
TEST_F(RecordTest, IsFollowedThroughAnApplyThatWasCutShortWhateverWasBehindIt) {
  const Bytes fresh = Change();
  const size_t whole = file_->bytes().size();
  Bytes torn = file_->bytes();
  Append(torn, RandomContent(3000));  // of a commit that did not come to its end
  const std::shared_ptr<MemoryFile> stores[] = {CutAt(whole), CutAt(whole - 1), CutAt(whole - 500),
                                                CutAt(EndOfRecord()),
                                                std::make_shared<MemoryFile>(torn)};
  for (const auto& store : stores) {
    SCOPED_TRACE(store->bytes().size());
    store->recording = true;
    const Bytes before = store->bytes();
    Must(Must(world_.Open(store))->Apply());
    EXPECT_EQ(Read(store), fresh);
    Bytes durable = before;
    size_t next = 0;
    for (; store->events[next].kind != StoreEvent::Kind::kSync; ++next) {
      const StoreEvent& event = store->events[next];
      if (event.kind == StoreEvent::Kind::kTruncate) durable.resize(event.offset);
      if (event.kind == StoreEvent::Kind::kWrite)
        MemoryFile::Put(durable, event.offset, event.data);
    }
    for (++next; store->events[next].kind == StoreEvent::Kind::kWrite; ++next) {
      Bytes partly = durable;
      MemoryFile::Put(partly, store->events[next].offset, store->events[next].data);
      EXPECT_EQ(Read(std::make_shared<MemoryFile>(partly)), fresh) << next;
    }
  }
}

TEST_F(RecordTest, WithANewHeaderIsFoundWhateverIsLeftBehindIt) {
  const Header header = Must(ParseHeader(Must(ReadHeaderRegions(*file_)).front()));
  Wrapper wrapper = Must(OpenHeader(header, world_.Secrets(header)));
  wrapper.keys.push_back({2, Secret::Random(32)});
  Must(document_->ReplaceHeader(world_.Seal(wrapper), World::Copy(wrapper.keys)));
  Commit();
  const size_t second_at = file_->bytes().size();
  for (size_t length = base_; length < EndOfRecord(); length += 97) {
    EXPECT_EQ(Read(CutAt(length)), old_) << length;
  }
  const Bytes fresh = Change();
  for (size_t length = EndOfRecord(); length < file_->bytes().size(); length += 7) {
    SCOPED_TRACE(length);
    const Bytes read = Read(CutAt(length));
    EXPECT_TRUE(read == old_ || (read == fresh && length > second_at));
  }
}

}  // namespace
}  // namespace recrypt
