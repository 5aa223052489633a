//! A heap in demand-paged memory: what `malloc` is to a process.
//!
//! Free blocks stand in lists by the power of two of their size; blocks have their size at both
//! ends, so that neighbours join. All of it is in the memory itself, and is paged with it. Sizes and
//! places are in words.

/// Lists of free blocks, one for each power of two.
const LISTS: usize = 32;

/// Words of the smallest block: two sizes, two links.
const LEAST: usize = 4;

/// Blocks of a list that are looked at before a larger one is split.
const LOOKS: usize = 8;

const USED: u64 = 1;

/// The heap over its memory. Place 0 is nobody's, and means none.
pub(crate) struct Heap<'a> {
    words: &'a mut [u64],
    lists: [usize; LISTS],
}

impl<'a> Heap<'a> {
    /// An empty heap over at least eight words.
    pub fn new(words: &'a mut [u64]) -> Self {
        let last = words.len() - 1;
        // Neighbours of the first and the last block that are never free.
        (words[0], words[last]) = (USED, USED);
        let mut heap = Self { words, lists: [0; LISTS] };
        heap.put(1, last - 1);
        heap
    }

    /// The words of a block in use.
    pub fn get(&mut self, place: usize, length: usize) -> &mut [u64] {
        &mut self.words[place..place + length]
    }

    /// Place of a new block with that many words; `None` when none is large enough, or found soon
    /// enough.
    pub fn allocate(&mut self, length: usize) -> Option<usize> {
        let size = (length + 2).max(LEAST);
        let first = size.ilog2() as usize;
        let block = (first..LISTS).find_map(|list| {
            let mut block = self.lists[list];
            for _ in 0..LOOKS {
                if block == 0 || self.size(block) >= size {
                    break;
                }
                block = self.words[block + 1] as usize;
            }
            (block != 0 && self.size(block) >= size).then_some(block)
        })?;
        let room = self.size(block);
        self.take(block);
        let size = if room - size >= LEAST { size } else { room };
        self.set_size(block, size, USED);
        if room > size {
            self.put(block + size, room - size);
        }
        Some(block + 1)
    }

    /// Gives a block back.
    pub fn free(&mut self, place: usize) {
        let mut block = place - 1;
        let mut size = self.size(block);
        let right = block + size;
        if self.words[right] & USED == 0 {
            size += self.size(right);
            self.take(right);
        }
        let left = self.words[block - 1];
        if left & USED == 0 {
            let left = left as usize >> 1;
            block -= left;
            size += left;
            self.take(block);
        }
        self.put(block, size);
    }

    fn size(&self, block: usize) -> usize {
        self.words[block] as usize >> 1
    }

    fn set_size(&mut self, block: usize, size: usize, used: u64) {
        let word = (size as u64) << 1 | used;
        (self.words[block], self.words[block + size - 1]) = (word, word);
    }

    /// Puts a free block into its list.
    fn put(&mut self, block: usize, size: usize) {
        self.set_size(block, size, 0);
        let list = size.ilog2() as usize;
        let next = core::mem::replace(&mut self.lists[list], block);
        (self.words[block + 1], self.words[block + 2]) = (next as u64, 0);
        if next != 0 {
            self.words[next + 2] = block as u64;
        }
    }

    /// Takes a free block out of its list.
    fn take(&mut self, block: usize) {
        let (next, before) = (self.words[block + 1], self.words[block + 2]);
        if before == 0 {
            self.lists[self.size(block).ilog2() as usize] = next as usize;
        } else {
            self.words[before as usize + 1] = next;
        }
        if next != 0 {
            self.words[next as usize + 2] = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::random::Random;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn blocks_do_not_overlap_and_join_again() {
        let mut words = vec![0; 10_000];
        let mut heap = Heap::new(&mut words);
        let mut random = Random::new(7);
        let mut live: Vec<(usize, usize)> = Vec::new();
        let mut refused = 0;
        for number in 1..20_000_u64 {
            if random.below(2) == 0 && !live.is_empty() {
                let (place, length) = live.swap_remove(random.below(live.len()));
                let first = heap.get(place, length)[0];
                assert!(heap.get(place, length).iter().all(|&word| word == first));
                heap.free(place);
            } else {
                let length = 1 + random.below(300);
                match heap.allocate(length) {
                    Some(place) => {
                        heap.get(place, length).fill(number << 32);
                        live.push((place, length));
                    }
                    None => refused += 1,
                }
            }
        }
        assert!(refused > 0 && live.len() > 10);
        live.into_iter().for_each(|(place, _)| heap.free(place));
        assert!(heap.allocate(10_000 - 4).is_some(), "one block again");
        assert!(heap.allocate(1).is_none());
    }
}
