"""Chance: the same seed throws the same machines, whatever the machine is made on."""
import random

from .sizes import KIB, MIB, down

# What sizes and addresses are rounded to: small ones often, as machines have them.
STEPS = (4 * KIB, 4 * KIB, 4 * KIB, 64 * KIB, MIB, MIB, 2 * MIB, 2 * MIB, 4 * MIB, 16 * MIB, 128 * MIB)


class Dice(random.Random):
    def chance(self, probability):
        return self.random() < probability

    def step(self):
        return self.choice(STEPS)

    def size(self, least, most, step=None):
        """Small ones as likely as large ones."""
        step = step or self.step()
        return max(step, down(int(least * (max(most, least + 1) / least) ** self.random()), step))

    def cuts(self, begin, end, most, odd=0.1):
        """Increasing addresses strictly between two, few of them unaligned."""
        found = set()
        for _ in range(self.randrange(most + 1)):
            at = self.randrange(begin, end)
            found.add(at if self.chance(odd) else down(at, self.step()))
        return sorted(at for at in found if begin < at < end)

    def inside(self, begin, end, size, step=1):
        """An address for `size` bytes between two; None where there is none."""
        first, last = -(-begin // step), (end - size) // step
        return self.randrange(first, last + 1) * step if last >= first else None

    def distances(self, nodes):
        """A symmetric matrix, or none at all."""
        if self.chance(0.3):
            return None
        matrix = [[10] * nodes for _ in range(nodes)]
        for one in range(nodes):
            for other in range(one):
                matrix[one][other] = matrix[other][one] = self.choice([11, 15, 20, 21, 30, 40, 62, 254])
        return matrix
