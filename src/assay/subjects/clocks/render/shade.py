"""Pixels of a scene, in PyTorch: batched, on any device; `compiled` draws the same on a CPU.

All that is straight or round in the scene is linear in (q_x, q_y, 1, |q|^2) of a pixel's ray (see
`straight`), so one matrix product gives it for every pixel. Few passes over the pictures are what
counts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from assay.subjects.clocks.render.camera import rays
from assay.subjects.clocks.render.scene import Scene
from assay.subjects.clocks.render.straight import circles, edges, planes
from assay.subjects.clocks.render.textures import Textures

__all__ = ["shade"]


@torch.inference_mode()
def shade(scene: Scene, textures: Textures, size: int) -> np.ndarray:
    """Draw on the device of the textures: uint8 (n, size, size)."""
    return _Painter(scene, textures, size).paint().cpu().numpy()


class _Painter:
    """One batch of pictures on its way; every map is (n, pixels)."""

    def __init__(self, scene: Scene, textures: Textures, size: int):
        self.scene, self.textures, self.size = scene, textures, size
        self.device = textures.dials.device
        scale = scene.focal * size / scene.distance / scene.shading[:, 3]  # soft pixels per radius
        self.soft = self.put(scale[:, None])
        self.square = self.put(scene.square[:, None]) if scene.square.any() else None
        flat, round_, hands = planes(scene), circles(scene), edges(scene, scale)
        curved = np.concatenate([*round_.values()], 1)
        straight = np.concatenate([*flat.values(), hands], 1)
        seen = self._rays()
        self.distance = dict(zip(round_, (self.put(curved) @ seen).sqrt_().unbind(1), strict=True))
        lengths = [plane.shape[1] for plane in flat.values()]
        found = self.put(straight) @ seen[:, :3]
        *parts, rest = found.split([*lengths, hands.shape[1]], 1)
        self.at = dict(zip(flat, parts, strict=True))
        self.lit = self.at["lit"][:, 0]
        a, b, c, d = rest.unflatten(1, (-1, 4)).unbind(2)  # four sides of each hand and shadow
        inside = torch.minimum(torch.minimum(a, b), torch.minimum(c, d))
        self.cover = inside.clamp_(0, 1)  # (n, 2 * hands, pixels)

    def put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

    def _rays(self) -> Tensor:
        """(q_x, q_y, 1, |q|^2) of every pixel, (n, 4, pixels)."""
        place = torch.arange(self.size, device=self.device, dtype=torch.float32) + 0.5
        down, right = (g.reshape(-1) for g in torch.meshgrid(place, place, indexing="ij"))
        pixels = torch.stack([right, down, torch.ones_like(right)])
        matrix = rays(self.scene, self.size)
        seen = self.put(np.concatenate([matrix, 0 * matrix[:, :1]], 1)) @ pixels
        x, y, z, square = seen.unbind(1)
        x.div_(z)
        y.div_(z)
        z.fill_(1)
        torch.mul(x, x, out=square).addcmul_(y, y)
        return seen

    def _radius(self, plane: str) -> Tensor:
        """Distance from the centre; of a square frame, the larger of both coordinates."""
        if self.square is None:
            return self.distance[plane]
        x, y = self.at[plane].unbind(1)
        return self.distance[plane].lerp(torch.maximum(x.abs(), y.abs()), self.square)

    def _edge(self, inside: Tensor) -> Tensor:
        """How much of a pixel is inside, 0 to 1, by how far it is inside in radii."""
        return inside.mul_(self.soft).add_(0.5).clamp_(0, 1)

    def paint(self) -> Tensor:
        inner = self.put(self.scene.rim[:, :1])
        foot, crown = self._radius("low"), self._radius("top")
        picture = self._ground(foot)
        outer = self.put(self.scene.rim[:, 1:2])
        outside = self._edge(outer - torch.minimum(foot, crown))
        picture.lerp_(self._rim(crown), outside)
        edge = torch.minimum(inner - self._radius("dial"), 1.03 * inner - crown)
        picture.lerp_(self._face(), self._edge(edge))
        return self._develop(picture)

    def _ground(self, foot: Tensor) -> Tensor:
        """What the clock lies on; less light reaches the foot of its rim."""
        rim, greys = self.scene.rim, self.scene.greys
        ground = self.textures.surface(self.scene.surface, self.at["ground"])
        ground.mul_(self.put(greys[:, 4:]))
        near = (foot - self.put(rim[:, 1:2])).mul_(-5).add_(1).clamp_(0, 1)
        dark = self.put(-0.45 * np.minimum(20 * rim[:, 3:], 1))
        return ground.mul_(near.mul_(dark).add_(1))

    def _rim(self, crown: Tensor) -> Tensor:
        """The frame: lighter on its crown and towards the light."""
        inner, outer = self.put(self.scene.rim[:, :1]), self.put(self.scene.rim[:, 1:2])
        grey, light = self.put(self.scene.greys[:, 2:3]), self.put(self.scene.greys[:, 3:4])
        bulge = (crown - (inner + outer) / 2).div_((outer - inner) / 2).square_()
        bulge = bulge.neg_().add_(1).clamp_(0, 1)
        return bulge.mul_(light).add_(grey).mul_((self.lit * 0.35).add_(1))

    def _face(self) -> Tensor:
        """The dial with its ink, the shadows on it, the hands and their hub."""
        scene = self.scene
        n, hands = len(scene), scene.hands.shape[1]
        grid = self.at["painted"].transpose(1, 2).reshape(n, self.size, self.size, 2)
        ink = grid_sample(self.textures.dial(scene.dial), grid, align_corners=False).reshape(n, -1)
        paper, dark = self.put(scene.greys[:, :1]), self.put(scene.greys[:, 1:2])
        change, under_rim, under_hands = (self.put(scene.shading[:, i : i + 1]) for i in range(3))
        face = ink.mul_(dark - paper).add_(paper).mul_((self.lit * change).add_(1))
        shadow = (self.distance["shadow"] - self.put(scene.rim[:, :1] - 0.06)).mul_(8).clamp_(0, 1)
        face.mul_(shadow.mul_(-under_rim).add_(1))
        face.mul_(self.cover[:, hands:].amax(1).mul_(-under_hands).add_(1))
        for i in range(hands):
            face.lerp_(self.put(scene.hands[:, i, 4:]).expand_as(face), self.cover[:, i])
        if scene.hub.any():
            hub = self.put(scene.hub[:, :1])
            cap = self._edge(hub - self.distance["dial"]).mul_(hub > 0)
            face.lerp_(self.put(scene.hub[:, 1:]).expand_as(face), cap)
        return face

    def _develop(self, picture: Tensor) -> Tensor:
        """Glare, vignette, exposure and noise; then bytes."""
        n, size = len(self.scene), self.size
        place = (torch.arange(size, device=self.device) + 0.5) / size
        spots = self.put(self.scene.glow)
        width = spots[..., 2:3].clamp_min(1e-3)
        right, down = (
            ((place - spots[..., i : i + 1]) / width).square().neg().exp() for i in (0, 1)
        )
        glow = torch.bmm((down * spots[..., 3:]).transpose(1, 2), right).reshape(n, -1)
        picture.neg_().add_(1).mul_(glow.clamp_(0, 1).neg_().add_(1)).neg_().add_(1)
        gain, offset, vignette = (self.put(self.scene.exposure[:, i : i + 1]) for i in range(3))
        square = (2 * place - 1).square()
        corner = (square[:, None] + square).reshape(1, -1)
        picture.mul_(gain - vignette * corner).add_(offset)
        noise = self.textures.noise(self.scene.grain, size * size)
        picture.add_(noise.mul_(self.put(self.scene.noise[:, None])))
        return picture.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8).reshape(n, size, size)
